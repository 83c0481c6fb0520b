import type { Log } from '../log.js';
import type { CheckedMarkers } from '../root/checked-markers.js';
import type { Judge } from '../root/disk.js';
import type { KnownAreas } from '../root/known-areas.js';
import type { Root } from '../root/root.js';
import type { SyncDirs } from '../root/sync-dirs.js';
import type { TmpFolders } from '../root/tmp-folders.js';
import type { Ssh } from '../ssh/ssh.js';
import type { HostId, Path, Version } from '../words.js';
import type { Sources } from './sftp/sources.js';

/** What a landing is carrying out at a path. `ruled`: a conflict rule decided it, not the ledger's order; `overrules`: one decided once that it wins. */
export interface Sent { readonly version: Version; readonly ruled: boolean; readonly overrules?: boolean }

/** Makes the judge for landings on the disk of host `at`; `sentTo` tells what is landing there. */
export type JudgeAt = (at: HostId, sentTo: (path: Path) => Sent | undefined) => Judge;

/** One rsync that was started; for counting. */
export interface Call { readonly host: HostId; readonly kind: 'transfer' | 'verify' | 'compare'; readonly files: number; readonly args: readonly string[] }

export interface RsyncBackendOptions {
  /** This host's replica, and the sync dirs as they are known now. */
  readonly root: Root;
  readonly dirs: () => SyncDirs;
  readonly self: HostId;
  /** Its owner is the backend: it closes it. */
  readonly ssh: Ssh;
  readonly judgeAt: JudgeAt;
  /** Milliseconds without progress after which something is given up. */
  readonly timeoutMs: number;
  /** KiB/s for each rsync; undefined: no limit. */
  readonly bandwidthLimit: number | undefined;
  /** rsync's --chmod, such as `F644`. */
  readonly chmod: string;
  readonly log: Log;
  /** Bytes up to which a file is sent by SFTP instead of rsync; 0 turns that off. Default 1 MiB. */
  readonly smallFileLimit?: number;
  /** Bytes from which a file goes alone, and on from where it was interrupted. Default 32 MiB. */
  readonly largeFileFrom?: number;
  readonly onCall?: (call: Call) => void;
}

/** What all deliveries of one backend share. */
export interface Shared extends RsyncBackendOptions {
  readonly markers: CheckedMarkers;
  readonly areas: KnownAreas;
  readonly tmpFolders: TmpFolders;
  readonly sources: Sources;
}
