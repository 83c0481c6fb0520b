import type { Connection } from 'mongoose';
import type { InitReport } from '../api/reports.js';
import type { Config } from '../config/config.js';
import type { Disk } from '../replica/disk.js';
import type { Host, HostId } from '../model/host.js';
import type { Path } from '../model/path.js';
import type { Seals } from './seal.js';
import type { HostState } from '../state-dir/state.js';
import type { SyncDirsStore } from './sync-dirs-store.js';

/** Dependencies of registering, changing and retiring hosts. */
export interface HostsDeps {
  connection: Connection;
  config: Pick<
    Config,
    | 'stateDir'
    | 'collectionPrefix'
    | 'log'
    | 'backend'
    | 'key'
    | 'identityFile'
    | 'init'
    | 'autoApprove'
    | 'reloadCommand'
  >;
  /** Verifies the seals of rows, and seals the rows that are written here. */
  seals: Seals;
  syncDirs: SyncDirsStore;
  /** This host's own disk. */
  disk: Disk;
  /**
   * Logs in to this host as the others will, and writes files into the first of these sync dirs.
   * Failures are returned as checks that are not ok.
   */
  tryHost(host: Host, state: HostState, dirs: readonly Path[]): Promise<InitReport['checks']>;
  /**
   * Sync dirs that the models of this process declare. Only these open directories to other
   * hosts; rows of the database do not.
   */
  listDeclaredDirs(): readonly Path[];
  /** Writes the markers on another host, over SFTP. */
  markRemoteDirs(host: Host, dirs: readonly Path[]): Promise<void>;
  /**
   * Removes a retired host from all ledger entries: nothing stays pending for it, and it counts
   * as holder of nothing.
   */
  forgetHost(id: HostId): Promise<void>;
  countCaptures(id: HostId): Promise<number>;
  /** Removes the captures of a retired host. Returns how many there were, and some paths. */
  dropCaptures(id: HostId): Promise<{ count: number; paths: readonly Path[] }>;
  /** Hands the captures of retired hosts to the one that has their disk now. */
  takeOverCaptures(from: readonly HostId[], to: HostId): Promise<void>;
}

/** What one part of `init` did or found. */
export type InitCheck = InitReport['checks'][number];

/** Values that tests replace. */
export interface InitParts {
  /** The folder with sshd's own keys, read if sshd does not answer. Default `/etc/ssh`. */
  hostKeyFolder?: string;
  /** Default: the user's home directory. */
  home?: string;
  /** How long a host that is to be replaced is watched for signs of life. Default 12 s. */
  watchLeaseMs?: number;
}
