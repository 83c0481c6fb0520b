import { SyncMediaError } from '../model/errors.js';
import type { Run } from '../model/run.js';

/**
 * The place of a run in the list of all runs, newest first. It says itself where the list goes on,
 * so it stays valid when the run itself is removed.
 */
export function formatRunCursor({ requestedAt, id }: Pick<Run, 'requestedAt' | 'id'>): string {
  return `${String(requestedAt.getTime())}-${id}`;
}

/** @throws BAD_OPTION */
export function parseRunCursor(text: string): Pick<Run, 'requestedAt' | 'id'> {
  const [, time, id] = /^(\d{1,15})-([A-Za-z0-9_-]{1,64})$/.exec(text) ?? [];
  if (time === undefined || id === undefined)
    throw new SyncMediaError(
      'BAD_OPTION',
      `${JSON.stringify(text.slice(0, 100))} is no place in the list of runs: give "next" of the ` +
        'answer before',
    );
  return { requestedAt: new Date(Number(time)), id };
}
