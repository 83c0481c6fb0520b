import { CommanderError } from 'commander';
import { SyncMediaError } from '../model/errors.js';

/** All exit codes with their meaning; `syncmedia --help` shows this table. */
export const exitCodes = {
  0: 'done',
  1: 'failed; stderr says why',
  2: 'wrong usage: an option, an argument or an environment variable cannot be used',
  3: 'done, but not everywhere: a host, a file or a check failed; the output says which',
  4: 'this machine is not initialised: run `syncmedia init`',
  130: 'interrupted (SIGINT)',
  143: 'terminated (SIGTERM)',
} as const;

export type ExitCode = keyof typeof exitCodes;

/** Returns the exit code for the error that a command threw. */
export function getExitCode(error: unknown): ExitCode {
  if (error instanceof CommanderError)
    return error.code === 'commander.helpDisplayed' || error.code === 'commander.version' ? 0 : 2;
  if (!(error instanceof SyncMediaError)) return 1;
  if (error.code === 'NOT_INITIALISED') return 4;
  return error.code === 'BAD_OPTION' || error.code === 'BAD_ENVIRONMENT' ? 2 : 1;
}
