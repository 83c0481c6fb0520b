import type { Command } from 'commander';
import { collectValue } from './host-options.js';

/** The hosts and sync dirs of a run, and whether the command waits for its end. */
export interface ScopeOptions {
  readonly host?: string[];
  readonly dir?: string[];
  readonly wait: boolean;
}

export function addScopeOptions(command: Command, { wait = true } = {}): Command {
  const withScope = command
    .option(
      '--host <host>',
      'only this host, by name or id; may be repeated (default: all)',
      collectValue,
    )
    .option('--dir <dir>', 'only this sync dir; may be repeated (default: all)', collectValue);
  return wait ? withScope.option('--no-wait', 'request it and return without waiting') : withScope;
}
