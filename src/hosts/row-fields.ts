import { backendNames } from '../model/backend-name.js';
import {
  hasFields,
  isBoolean,
  isDate,
  isFailure,
  isList,
  isNumber,
  isOneOf,
  isRecord,
  isSize,
  isRecordOf,
  isText,
  isOptional,
  type FieldCheck,
} from '../model/row-shapes.js';
import type { HostRow } from './host-model.js';

/**
 * Returns the readable part of a value: the value itself if all of it is readable, undefined if
 * nothing.
 */
type FieldReader = (value: unknown) => unknown;

const makeWholeReader =
  (fits: FieldCheck): FieldReader =>
  (value) =>
    fits(value) ? value : undefined;

/** Reads a record whose keys are encoded names; malformed entries are left out. */
const makeEntriesReader =
  (fits: FieldCheck): FieldReader =>
  (value) => {
    if (!isRecord(value)) return undefined;
    const read = Object.entries(value).filter(([key, one]) => canDecode(key) && fits(one));
    return read.length === Object.keys(value).length ? value : Object.fromEntries(read);
  };

/**
 * Fields that a host writes while it works or registers. `repair-row.ts` checks the identity
 * fields.
 */
const fieldReaders: Readonly<Record<string, FieldReader>> = {
  readyAt: makeWholeReader(isDate),
  lastSeenAt: makeWholeReader(isDate),
  returnedAt: makeWholeReader(isDate),
  createdAt: makeWholeReader(isDate),
  updatedAt: makeWholeReader(isDate),
  backend: makeWholeReader(isOneOf(...backendNames)),
  received: makeWholeReader(isNumber),
  retries: makeWholeReader(isNumber),
  requestedRuns: makeWholeReader(isNumber),
  backfilled: makeWholeReader(isList(isText)),
  members: makeWholeReader(isList(isText)),
  lease: makeWholeReader(hasFields({ leader: isText, beat: isNumber, socket: isOptional(isText) })),
  leaving: makeWholeReader(hasFields({ token: isText, since: isDate })),
  heartbeatAt: makeWholeReader(isDate),
  clockOffsetMs: makeWholeReader(isNumber),
  conflicts: makeWholeReader(isSize),
  deliveries: makeEntriesReader(
    hasFields({
      deliveredAt: isOptional(isDate),
      failure: isOptional(isFailure),
      failingSince: isOptional(isDate),
      nextTryAt: isOptional(isDate),
    }),
  ),
  rescans: makeEntriesReader(isDate),
  scans: makeEntriesReader(hasFields({ all: isDate, changed: isDate })),
  halted: makeEntriesReader(isFailure),
  unsyncable: makeEntriesReader(
    hasFields({ count: isNumber, examples: isList(hasFields({ path: isText, why: isText })) }),
  ),
  removals: makeEntriesReader(hasFields({ decision: isOneOf('approved', 'rejected'), at: isDate })),
  unnamed: makeEntriesReader(hasFields({ count: isNumber, lastDocument: isText, lastAt: isDate })),
  setup: makeWholeReader(isList(hasFields({ about: isText, message: isText, remedy: isText }))),
  history: makeWholeReader(
    hasFields({
      failure: isOptional(isFailure),
      failingSince: isOptional(isDate),
      unshared: isOptional(isRecordOf(hasFields({ failure: isFailure, since: isDate }))),
      bytes: isOptional(isNumber),
      oldest: isOptional(isDate),
      forgottenUntil: isOptional(isDate),
      adoption: isOptional(
        hasFields({
          since: isDate,
          after: isOptional(isText),
          files: isNumber,
          bytes: isNumber,
          endedAt: isOptional(isDate),
          isFull: isOptional(isBoolean),
        }),
      ),
    }),
  ),
  reload: makeWholeReader(
    hasFields({
      at: isDate,
      exitCode: (value) => value === null || isNumber(value),
      output: isText,
    }),
  ),
  paused: makeWholeReader(
    hasFields({ since: isDate, by: isOptional(isText), reason: isOptional(isText) }),
  ),
  software: makeWholeReader(hasFields({ syncmedia: isText, node: isText })),
};
const fieldDefaults: Readonly<Record<string, unknown>> = {
  deliveries: {},
  rescans: {},
  halted: {},
  received: 0,
  backend: 'rsync',
  createdAt: new Date(0),
  updatedAt: new Date(0),
};

/**
 * Finds the malformed fields of a row, each with its replacement; undefined: leave the field out.
 */
export function findFieldRepairs(row: HostRow): Record<string, unknown> {
  const given = row as unknown as Record<string, unknown>,
    instead: Record<string, unknown> = {};
  for (const [name, read] of Object.entries(fieldReaders)) {
    if (given[name] === undefined && !(name in fieldDefaults)) continue;
    const readable = read(given[name]);
    if (readable !== given[name] || readable === undefined)
      instead[name] = readable ?? fieldDefaults[name];
  }
  return instead;
}

function canDecode(key: string): boolean {
  try {
    decodeURIComponent(key);
    return true;
  } catch {
    return false;
  }
}
