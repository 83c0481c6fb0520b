import type { DocumentRef } from './capture.js';
import type { Version } from './entry.js';
import type { Failure } from './failure.js';
import type { FileInfo } from './file.js';
import type { Path } from './path.js';
import type { ConflictRule, SyncDir } from './sync-dir.js';

/** What should happen to one path on another host. */
export type Change = {
  readonly path: Path;
  readonly dir: SyncDir;
  readonly version: Version;
  readonly savedBy?: DocumentRef;
} &
  /** `rule` is set only if the ledger does not know the file on the other host. */
  (
    | {
        readonly do: 'put';
        readonly info: FileInfo;
        readonly rule?: ConflictRule;
        readonly overrules?: true;
      }
    | { readonly do: 'remove' }
  );

/**
 * The result of a change. `via` names the program or protocol that carried it (`rsync`, `sftp`).
 */
export type DeliveryOutcome = {
  readonly change: Change;
  readonly via: string;
  readonly bytes: number;
} & (
  | { readonly result: 'delivered'; readonly sha256?: string }
  /**
   * kept: the other host's own file won. changed: the source changed during the transfer.
   * vanished: the source is gone.
   */
  | { readonly result: 'kept' | 'changed' | 'vanished' }
  /** refused: for good. failed: a later try may succeed. */
  | { readonly result: 'refused' | 'failed'; readonly failure: Failure }
);

export interface Difference {
  readonly path: Path;
  readonly here?: FileInfo;
  readonly there?: FileInfo;
  /** The contents were compared, and only the dates differ. */
  readonly sameBytes?: true;
}
