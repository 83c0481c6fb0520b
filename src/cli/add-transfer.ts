import type { Command } from 'commander';
import type { RunRequest } from '../api/sync-media.js';
import type { Run } from './command-context.js';
import { followRun, showRun } from './follow-run.js';
import { addScope, type ScopeOptions } from './scope.js';

interface TransferOptions extends ScopeOptions {
  readonly dryRun?: boolean;
}

/** Adds `push` or `pull`. Both have the same options, and request a run from the instance. */
export function addTransfer(
  program: Command,
  run: Run,
  kind: 'push' | 'pull',
  description: string,
): void {
  addScope(program.command(kind))
    .description(description)
    .option('--dry-run', 'list what would be transferred, change nothing')
    .action((options: TransferOptions, command: Command) =>
      run(command, async (call) => {
        const request: RunRequest = {
          ...(options.host && { hosts: options.host }),
          ...(options.dir && { dirs: options.dir }),
          dryRun: options.dryRun ?? false,
          by: 'command line',
        };
        const asked = await call.sync[kind](request);
        return options.wait ? followRun(asked.id, call) : showRun(asked, call);
      }),
    );
}
