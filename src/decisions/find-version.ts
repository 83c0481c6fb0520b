import { SyncMediaError } from '../model/errors.js';
import type { RecordedVersion } from '../model/history.js';
import { parseTime } from '../model/parse-time.js';

/** Which version a person means: by its revision, or the one that was current at a time. */
export type VersionReference = { readonly revision: string } | { readonly time: Date };

/** `history` lists so many characters of a revision. */
const LISTED_LENGTH = 12;
const BOTH_FORMS =
  'give a revision as `syncmedia history` lists it, or a time such as 2026-11-28 or ' +
  '2026-11-28T12:00Z';

/**
 * Reads what a person gave to name a version. Digits alone may be a year or a day as well as the
 * beginning of a revision, so they name nothing until they are as long as a listed revision.
 *
 * @throws BAD_OPTION that names both forms
 */
export function parseVersionReference(at: string): VersionReference {
  const time = parseTime(at);
  if (time) return { time };
  const shown = JSON.stringify(at.slice(0, 80));
  if (!/^[0-9a-f]{4,64}$/.test(at))
    throw new SyncMediaError(
      'BAD_OPTION',
      `${shown} is neither a revision nor a time: ${BOTH_FORMS}`,
    );
  if (/^\d+$/.test(at) && at.length < LISTED_LENGTH)
    throw new SyncMediaError(
      'BAD_OPTION',
      `${shown} may be a time or the beginning of a revision: ${BOTH_FORMS}`,
    );
  return { revision: at };
}

/** @throws BAD_OPTION */
export function requireTime(at: string): Date {
  const time = parseTime(at);
  if (time) return time;
  throw new SyncMediaError(
    'BAD_OPTION',
    `${JSON.stringify(at.slice(0, 80))} is no time: give one such as 2026-11-28 or ` +
      '2026-11-28T12:00Z',
  );
}

/**
 * Finds a version by the beginning of its revision.
 *
 * @throws BAD_OPTION if several revisions begin like that
 */
export function findByRevision<T extends Pick<RecordedVersion, 'revision'>>(
  versions: readonly T[],
  beginning: string,
): T | undefined {
  const found = versions.filter(({ revision }) => revision.startsWith(beginning));
  if (new Set(found.map(({ revision }) => revision)).size > 1)
    throw new SyncMediaError(
      'BAD_OPTION',
      `${String(found.length)} revisions begin with ${beginning}: give more of it`,
    );
  return found[0];
}
