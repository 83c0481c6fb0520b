import type { Command } from 'commander';
import { SyncMediaError } from '../../model/errors.js';
import type { RunRequest } from '../../api/requests.js';
import { askQuestion, isInteractive } from '../prompt.js';
import type { CommandContext, RunCommand } from '../command-context.js';
import { followRun } from '../follow-run.js';
import { addScopeOptions, readScope, type ScopeOptions } from '../scope.js';

export function addAdoptCommand(program: Command, runCommand: RunCommand): void {
  addScopeOptions(program.command('adopt'), { wait: false })
    .description(
      'Adds existing files to the ledger: shows what differs between the hosts, and records ' +
        'equal files without sending them.',
    )
    .option('--dry-run', 'only show what differs, change nothing')
    .option('--yes', 'do it without asking')
    .action((options: ScopeOptions & { dryRun?: boolean; yes?: boolean }, command: Command) =>
      runCommand(command, async (context) => {
        const request: RunRequest = {
          ...readScope(options),
          by: 'command line',
        };
        if (!options.yes || options.dryRun) {
          const code = await followRun(
            (await context.sync.adopt({ ...request, dryRun: true })).id,
            context,
          );
          if (options.dryRun) return code;
          await requireConfirmation(context);
        }
        return followRun((await context.sync.adopt({ ...request, dryRun: false })).id, context);
      }),
    );
}

/** @throws CANCELLED unless a person confirms */
async function requireConfirmation({ signal }: CommandContext): Promise<void> {
  const read = (answer: string): boolean => /^y(es)?$/i.test(answer);
  if (
    isInteractive() &&
    (await askQuestion(
      { text: 'Adopt these files? yes or no', emptyMeans: 'no', parse: read },
      signal,
    ))
  )
    return;
  throw new SyncMediaError(
    'CANCELLED',
    'nothing was changed: confirm with yes on a terminal, or with --yes',
  );
}
