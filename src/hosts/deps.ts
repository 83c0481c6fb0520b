import type { Connection } from 'mongoose';
import type { InitReport } from '../instance.js';
import type { Config } from '../options/config.js';
import type { Disk } from '../root/disk.js';
import type { Host, HostId, Path } from '../words.js';
import type { Seals } from './seal.js';
import type { State } from './state.js';
import type { SyncDirsStore } from './sync-dirs-store.js';

/** What registering, changing and retiring hosts is given. */
export interface HostsDeps {
  connection: Connection;
  config: Pick<Config, 'stateDir' | 'collectionPrefix' | 'log' | 'backend' | 'key' | 'identityFile' | 'authorizedKeysFile' | 'init' | 'autoApprove' | 'reloadCommand'>;
  /** Tells which rows this site wrote, and seals what is written here. */
  seals: Seals;
  syncDirs: SyncDirsStore;
  /** This host's own disk. */
  disk: Disk;
  /** Logs in to this host as the others will, and puts files into the first of these sync dirs. A failure is a check that is not ok. */
  tryHost(host: Host, state: State, dirs: readonly Path[]): Promise<InitReport['checks']>;
  /** What the models of this process declare: it opens sync dirs to the other hosts, where what is stored for all does not. */
  declared(): readonly Path[];
  /** Writes the markers on another host, over SFTP. */
  markDirs(host: Host, dirs: readonly Path[]): Promise<void>;
  /** The ledger owes a retired host nothing more, and counts on it no longer. */
  forget(id: HostId): Promise<void>;
}

/** Parts that tests replace. */
export interface InitParts {
  /** Default `/etc/ssh`: where sshd's own keys lie, for when it does not answer. */
  hostKeyFolder?: string;
  /** Default: the user's. */
  home?: string;
}
