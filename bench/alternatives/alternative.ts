import type { BenchSite } from '../site.js';

/** What a site could use instead of syncmedia, or syncmedia itself. */
export interface Alternative {
  readonly name: string;
  /** The settings that it runs with, for people. */
  readonly settings: string;
  /** Starts it for the sender and the three hosts that receive. @throws why it cannot run here */
  open(site: BenchSite, say: (line: string) => void): Promise<RunningAlternative>;
}

export interface RunningAlternative {
  /** Where its files arrive, relative to the root; undefined if they lie in the database. */
  readonly folder: string | undefined;
  /** Stores one file as an app does that answers its visitor afterwards. */
  store(name: string, content: Buffer): Promise<void>;
  /** Reads the file as each of the three hosts does; only of those whose files have no folder. */
  readEverywhere?(name: string): Promise<Buffer[]>;
  /** How many bytes it takes in the database. */
  countDatabaseBytes(): Promise<number>;
  /** How many of 1,000 files are stored; fewer if each takes very long. Default 1,000. */
  readonly share?: number;
  close(): Promise<void>;
}
