import type { Command } from 'commander';
import { collect } from './host-options.js';

/** The hosts and sync dirs of a run, and whether the command waits for its end. */
export interface ScopeOptions {
  readonly host?: string[];
  readonly dir?: string[];
  readonly wait: boolean;
}

export function addScope(command: Command, { wait = true } = {}): Command {
  const scoped = command
    .option(
      '--host <host>',
      'only this host, by name or id; may be repeated (default: all)',
      collect,
    )
    .option('--dir <dir>', 'only this sync dir; may be repeated (default: all)', collect);
  return wait ? scoped.option('--no-wait', 'request it and return without waiting') : scoped;
}
