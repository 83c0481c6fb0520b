import { SyncMediaError } from '../model/errors.js';

/**
 * How many items a list has at most. MongoDB would take 0 for no limit.
 * @param most larger values count as this
 * @throws BAD_OPTION for anything but a positive integer
 */
export function limitList(given: number | undefined, standard: number, most: number): number {
  if (given === undefined) return standard;
  if (!Number.isSafeInteger(given) || given < 1)
    throw new SyncMediaError(
      'BAD_OPTION',
      `the limit ${String(given).slice(0, 40)} cannot be used: give a whole number from 1 to ` +
        String(most),
    );
  return Math.min(given, most);
}
