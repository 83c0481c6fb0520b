import type { DeliveryOutcome } from '../../src/model/change.js';
import type { Path } from '../../src/model/path.js';

/** A delivered file of 100 bytes, by SFTP. */
export function makeOutcome(
  given: { via?: string; bytes?: number; result?: 'delivered' | 'vanished' } = {},
): DeliveryOutcome {
  const path = 'uploads/a.jpg' as Path;
  return {
    change: {
      do: 'put',
      path,
      dir: { path: 'uploads' as Path, exclude: [], conflict: 'newer', onDelete: 'keep' },
      version: 'v1',
      info: { size: 100, mtime: 0 },
    },
    via: 'sftp',
    bytes: 100,
    result: 'delivered',
    ...given,
  };
}
