import type { FileHandle } from 'node:fs/promises';
import type { DocumentRef } from './capture.js';
import type { Version } from './entry.js';
import type { FileInfo } from './file.js';
import type { HostId } from './host.js';
import type { Path } from './path.js';

/** A version to record. `info` is missing where the version is a removal. */
export interface RecordRequest {
  readonly path: Path;
  readonly version: Version;
  /** When it was captured, by the clock of the host that captured it. */
  readonly at: Date;
  readonly info?: FileInfo;
  readonly savedBy?: DocumentRef;
  /** Who made the change. Default: the author of the configuration. */
  readonly author?: string;
  /** The version that this one replaced at its path. */
  readonly replaces?: Version;
  /** Set if it was replaced meanwhile: then nothing is recorded if the history has it already. */
  readonly replacedAt?: Date;
  /**
   * The time of the last request to forget its path. The history carries no version over that it
   * recorded before.
   */
  readonly forgottenAt?: Date;
  /** The bytes, if the caller still has them. Otherwise they are read from the disk. */
  readonly bytes?: Uint8Array;
  /** An open file that may have the bytes. The caller closes it. */
  readonly file?: FileHandle;
  /** Nobody has the bytes any more: only name, size and hash are recorded. */
  readonly isLost?: boolean;
}

/** A path that every host has to remove from its history. */
export interface ForgetRequest {
  readonly path: Path;
  /** By the clock of the database. Versions that are recorded later stay. */
  readonly at: Date;
}

/** How much a history keeps. */
export interface HistoryLimits {
  /** Days for which a version is kept. */
  readonly days: number;
  /** Bytes of the whole history. The oldest days go first. */
  readonly maxBytes: number;
  /** The bytes of a larger file are not stored, only its name, size and hash. */
  readonly maxFileBytes: number;
  /** Who is named as the author of a change that names nobody. */
  readonly author: string;
}

/** What an annex keeps beside the history in git. */
export interface AnnexLimits {
  /** Larger files lie in the annex, in bytes. */
  readonly largerThan: number;
  /** The names of the hosts that get a copy of this host's large files. */
  readonly on: 'all' | readonly string[];
}

/** The bytes of a version on a special remote of the annex, which is the operator's. */
export interface RemoteCopy {
  readonly remote: string;
  readonly key: string;
  /** Removes this copy. */
  readonly command: string;
}

/** What a history keeps of one version: its bytes, only its name and hash, or that it is gone. */
export type RecordedAs = 'stored' | 'named' | 'removed';

/** A version that a history remembers. */
export interface RecordedVersion {
  readonly path: Path;
  readonly version: Version;
  /** The host that recorded it. Only that host can write its part of the history. */
  readonly host: HostId;
  readonly at: Date;
  readonly as: RecordedAs;
  readonly author: string;
  readonly savedBy?: DocumentRef;
  /** Set for a file. */
  readonly info?: FileInfo;
  /** Names the record, for `history show` and `restore --at`. */
  readonly revision: string;
}
