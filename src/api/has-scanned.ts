import type { Run } from '../model/run.js';

/**
 * Whether a push has scanned the disk of its host, also if it failed later. The leader of an
 * older version does not store when: its push failed in the scan if it names no other host.
 */
export function hasScanned({ scannedAt, state, failures }: Run): boolean {
  return scannedAt !== undefined || state === 'done' || (state === 'failed' && failures.length > 0);
}
