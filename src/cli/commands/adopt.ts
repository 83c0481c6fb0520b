import type { Command } from 'commander';
import { SyncMediaError } from '../../model/errors.js';
import type { RunRequest } from '../../api/sync-media.js';
import { ask, canAsk } from '../prompt.js';
import type { Call, Run } from '../command-context.js';
import { followRun } from '../follow-run.js';
import { addScope, type ScopeOptions } from '../scope.js';

export function addAdopt(program: Command, run: Run): void {
  addScope(program.command('adopt'), { wait: false })
    .description(
      'Adds existing files to the ledger: shows what differs between the hosts, and records ' +
        'what is the same without sending it.',
    )
    .option('--dry-run', 'only show what differs, change nothing')
    .option('--yes', 'do it without asking')
    .action((options: ScopeOptions & { dryRun?: boolean; yes?: boolean }, command: Command) =>
      run(command, async (call) => {
        const request: RunRequest = {
          ...(options.host && { hosts: options.host }),
          ...(options.dir && { dirs: options.dir }),
          by: 'command line',
        };
        if (!options.yes || options.dryRun) {
          const code = await followRun(
            (await call.sync.adopt({ ...request, dryRun: true })).id,
            call,
          );
          if (options.dryRun) return code;
          await confirm(call);
        }
        return followRun((await call.sync.adopt({ ...request, dryRun: false })).id, call);
      }),
    );
}

/** @throws CANCELLED unless a person confirms */
async function confirm({ signal }: Call): Promise<void> {
  const read = (answer: string): boolean => /^y(es)?$/i.test(answer);
  if (
    canAsk() &&
    (await ask({ text: 'Adopt these files? yes or no', otherwise: 'no', read }, signal))
  )
    return;
  throw new SyncMediaError(
    'CANCELLED',
    'nothing was changed: confirm with yes on a terminal, or with --yes',
  );
}
