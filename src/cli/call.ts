import type { Command } from 'commander';
import type { SyncMedia } from '../instance.js';
import type { Environment } from '../options/environment.js';
import type { ExitCode } from './exit-codes.js';
import type { Screen } from './screen.js';

/** What a command works with. */
export interface Call {
  readonly sync: SyncMedia;
  readonly environment: Environment;
  readonly screen: Screen;
  /** Whether the data on stdout is to be JSON, in the router's shapes. */
  readonly json: boolean;
  /** Aborted when the user interrupts. */
  readonly signal: AbortSignal;
}

export type Work = (call: Call) => Promise<ExitCode>;

/** Opens an instance as the global options say, lets `work` use it, and closes it. */
export type Run = (command: Command, work: Work) => Promise<void>;
