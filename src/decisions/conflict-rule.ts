import type { ConflictRule } from '../model/sync-dir.js';
import type { FileInfo } from '../model/file.js';

/**
 * Which of two files wins by a conflict rule: the one that is about to be placed, or the one that
 * lies at the path and that the ledger does not know. `tie`: both are equally old, so the caller
 * decides.
 */
export function applyConflictRule(
  rule: ConflictRule,
  incoming: FileInfo,
  existing: FileInfo,
): 'incoming' | 'existing' | 'tie' {
  if (rule === 'overwrite') return 'incoming';
  if (rule === 'keep') return 'existing';
  if (incoming.mtime === existing.mtime) return 'tie';
  return incoming.mtime > existing.mtime ? 'incoming' : 'existing';
}
