import type { Command } from 'commander';
import type { RunRequest } from '../api/requests.js';
import type { RunCommand } from './command-context.js';
import { followRun, printRun } from './follow-run.js';
import { addScopeOptions, readScope, type ScopeOptions } from './scope.js';

interface TransferCommandOptions extends ScopeOptions {
  readonly dryRun?: boolean;
}

/** Adds `push` or `pull`. Both have the same options, and request a run from the instance. */
export function addTransferCommand(
  program: Command,
  runCommand: RunCommand,
  kind: 'push' | 'pull',
  description: string,
): void {
  addScopeOptions(program.command(kind))
    .description(description)
    .option('--dry-run', 'list what would be transferred, change nothing')
    .action((options: TransferCommandOptions, command: Command) =>
      runCommand(command, async (context) => {
        const request: RunRequest = {
          ...readScope(options),
          dryRun: options.dryRun ?? false,
          by: 'command line',
        };
        const startedRun = await context.sync[kind](request);
        return options.wait ? followRun(startedRun.id, context) : printRun(startedRun, context);
      }),
    );
}
