import type { Command } from 'commander';
import type { SyncMedia } from '../api/sync-media.js';
import type { Environment } from '../config/environment.js';
import type { ExitCode } from './exit-codes.js';
import type { Layout } from './layout.js';
import type { Screen } from './screen.js';

/** What a command works with. */
export interface CommandContext {
  readonly sync: SyncMedia;
  readonly environment: Environment;
  readonly screen: Screen;
  /** Fits lists and tables to the terminal. */
  readonly layout: Layout;
  /** Whether to print data as JSON to stdout, in the shapes of the admin router. */
  readonly json: boolean;
  /** Aborts when the user interrupts. */
  readonly signal: AbortSignal;
}

type CommandAction = (context: CommandContext) => Promise<ExitCode>;

/** Opens an instance as the global options say, passes it to `action`, and closes it. */
export type RunCommand = (command: Command, action: CommandAction) => Promise<void>;
