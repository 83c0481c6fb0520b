import {
  hasFields,
  isDate,
  isFailure,
  isList,
  isNumber,
  isOneOf,
  isRecord,
  isText,
  orNone,
  type Fits,
} from '../model/row-shapes.js';
import type { HostRow } from './host-model.js';

/**
 * Returns the readable part of a value: the value itself if all of it is readable, undefined if
 * nothing.
 */
type Read = (value: unknown) => unknown;

const whole =
  (fits: Fits): Read =>
  (value) =>
    fits(value) ? value : undefined;

/** Reads a record whose keys are encoded names; malformed entries are left out. */
const entries =
  (fits: Fits): Read =>
  (value) => {
    if (!isRecord(value)) return undefined;
    const read = Object.entries(value).filter(([key, one]) => canDecode(key) && fits(one));
    return read.length === Object.keys(value).length ? value : Object.fromEntries(read);
  };

/**
 * Fields that a host writes while it works or registers. `repair-row.ts` checks the identity
 * fields.
 */
const fields: Readonly<Record<string, Read>> = {
  readyAt: whole(isDate),
  seenAt: whole(isDate),
  returnedAt: whole(isDate),
  createdAt: whole(isDate),
  updatedAt: whole(isDate),
  backend: whole(isOneOf('rsync', 'git', 'git-annex')),
  landed: whole(isNumber),
  filled: whole(isList(isText)),
  knows: whole(isList(isText)),
  lease: whole(hasFields({ holder: isText, beat: isNumber, socket: orNone(isText) })),
  lanes: entries(
    hasFields({
      deliveredAt: orNone(isDate),
      failure: orNone(isFailure),
      failingSince: orNone(isDate),
      nextTryAt: orNone(isDate),
    }),
  ),
  sweeps: entries(isDate),
  scans: entries(hasFields({ all: isDate, changed: isDate })),
  halted: entries(isFailure),
  unsyncable: entries(
    hasFields({ count: isNumber, examples: isList(hasFields({ path: isText, why: isText })) }),
  ),
  removals: entries(hasFields({ decision: isOneOf('approved', 'rejected'), at: isDate })),
  unnamed: entries(hasFields({ count: isNumber, lastDocument: isText, lastAt: isDate })),
  setup: whole(isList(hasFields({ about: isText, message: isText, remedy: isText }))),
  reload: whole(
    hasFields({
      at: isDate,
      exitCode: (value) => value === null || isNumber(value),
      output: isText,
    }),
  ),
  software: whole(hasFields({ syncmedia: isText, node: isText })),
};
const defaults: Readonly<Record<string, unknown>> = {
  lanes: {},
  sweeps: {},
  halted: {},
  landed: 0,
  backend: 'rsync',
  createdAt: new Date(0),
  updatedAt: new Date(0),
};

/**
 * Finds the malformed fields of a row, each with its replacement; undefined: leave the field out.
 */
export function readFields(row: HostRow): Record<string, unknown> {
  const given = row as unknown as Record<string, unknown>,
    instead: Record<string, unknown> = {};
  for (const [name, read] of Object.entries(fields)) {
    if (given[name] === undefined && !(name in defaults)) continue;
    const readable = read(given[name]);
    if (readable !== given[name] || readable === undefined)
      instead[name] = readable ?? defaults[name];
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
