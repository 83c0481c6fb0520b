import type { Command } from 'commander';
import type { RunRequest } from '../api/requests.js';
import { collectValue } from './host-options.js';

/**
 * Where a run is carried out, its hosts and sync dirs, and whether the command waits for its end.
 */
export interface ScopeOptions {
  readonly at?: string;
  readonly host?: string[];
  readonly dir?: string[];
  readonly wait: boolean;
}

export function addScopeOptions(command: Command, { wait = true } = {}): Command {
  const withScope = command
    .option('--at <host>', 'carry it out on this host, by name or id (default: this machine)')
    .option(
      '--host <host>',
      'only this host, by name or id; may be repeated (default: all)',
      collectValue,
    )
    .option('--dir <dir>', 'only this sync dir; may be repeated (default: all)', collectValue);
  return wait ? withScope.option('--no-wait', 'request it and return without waiting') : withScope;
}

/** The parts of a request that these options give. */
export function readScope({
  at,
  host,
  dir,
}: ScopeOptions): Pick<RunRequest, 'at' | 'hosts' | 'dirs'> {
  return {
    ...(at !== undefined && { at }),
    ...(host && { hosts: host }),
    ...(dir && { dirs: dir }),
  };
}
