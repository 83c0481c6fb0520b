import type { Overview } from '../../api/overview.js';
import type { SyncMedia } from '../../api/sync-media.js';

/** For an instance whose type does not have the method yet. */
export function readOverview(sync: SyncMedia): Promise<Overview> {
  return (sync as SyncMedia & { overview(): Promise<Overview> }).overview();
}
