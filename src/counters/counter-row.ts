import { decodeFieldName } from '../hosts/host-model.js';
import type { DeliveryOutcome } from '../model/change.js';
import type { HostId } from '../model/host.js';
import {
  hasFields,
  isDate,
  isNumber,
  isOptional,
  isRecordOf,
  isText,
  type FieldCheck,
  type RowShape,
} from '../model/row-shapes.js';

/** How a change reaches a host: `express` is one open SFTP session for many small files. */
export const deliveryPaths = ['express', 'rsync', 'git'] as const;
export type DeliveryPath = (typeof deliveryPaths)[number];

export const deliveryOutcomes = [
  'delivered',
  'kept',
  'changed',
  'vanished',
  'refused',
  'failed',
] as const satisfies readonly DeliveryOutcome['result'][];

/** The upper bounds of the buckets of a duration, in seconds. One more bucket has no bound. */
export const durationBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 20, 60, 300];

/** Counts by the index of their bucket, and the sum of all durations in milliseconds. */
export interface StoredHistogram {
  buckets?: Record<string, number>;
  ms?: number;
}

type Counts = Record<string, number>;

/** What the processes of one host have counted about the deliveries to another one, or itself. */
export interface StoredHostCounts {
  /** By path, then by outcome. */
  deliveries?: Record<string, Counts>;
  /** By path. */
  bytes?: Counts;
  duration?: StoredHistogram;
  saveToHost?: StoredHistogram;
}

/**
 * The totals that the processes of one host have counted since its first start. Their sum over all
 * rows never falls, so rows of retired hosts stay.
 */
export interface TotalsRow {
  /** `host:` and the id of the host that counted. */
  _id: string;
  /**
   * The number of the last batch of each process that is in these sums. A batch whose answer was
   * lost is sent again, and finds its number here.
   */
  writers?: Record<string, { batch: number; at: Date }>;
  /** By the host id, as a field name. */
  to?: Record<string, StoredHostCounts>;
  reads?: Counts;
  /** By kind, then by state. */
  runs?: Record<string, Counts>;
}

/** How many files were delivered to each host in one minute, counted by all processes. */
export interface MinuteRow {
  /** `minute:` and the time, as in `minute:2026-11-28T14:31`. */
  _id: string;
  writers?: Record<string, number>;
  to?: Counts;
}

export type CounterRow = TotalsRow | MinuteRow;

export function makeTotalsId(host: HostId): string {
  return `host:${host}`;
}

/** The ids of minutes sort by time. */
export function makeMinuteId(at: Date): string {
  return `minute:${at.toISOString().slice(0, 'yyyy-mm-ddThh:mm'.length)}`;
}

/** The time at which a minute begins; undefined if the id is not that of a minute. */
export function readMinuteId(id: string): Date | undefined {
  const at = new Date(`${id.slice('minute:'.length)}:00.000Z`);
  return id.startsWith('minute:') && Number.isFinite(at.getTime()) ? at : undefined;
}

/** The host that a field name stands for; undefined if another program wrote the name. */
export function readHostId(name: string): HostId | undefined {
  try {
    return decodeFieldName(name);
  } catch {
    return undefined;
  }
}

const counts = isOptional(isRecordOf(isNumber));
const histogram = isOptional(hasFields({ buckets: counts, ms: isOptional(isNumber) }));
const hostCounts: FieldCheck = hasFields({
  deliveries: isOptional(isRecordOf(isRecordOf(isNumber))),
  bytes: counts,
  duration: histogram,
  saveToHost: histogram,
});

export const totalsShape: RowShape = {
  _id: isText,
  writers: isOptional(isRecordOf(hasFields({ batch: isNumber, at: isDate }))),
  to: isOptional(isRecordOf(hostCounts)),
  reads: counts,
  runs: isOptional(isRecordOf(isRecordOf(isNumber))),
};

export const minuteShape: RowShape = { _id: isText, writers: counts, to: counts };
