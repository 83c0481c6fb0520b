import type { Command } from 'commander';
import { SyncMediaError } from '../../model/errors.js';
import type { CommandContext, RunCommand } from '../command-context.js';
import type { ExitCode } from '../exit-codes.js';
import { formatOverview } from '../format-overview.js';
import { formatStatus } from '../format-status.js';
import { watchOverview } from '../watch-overview.js';

interface StatusOptions {
  readonly details?: boolean;
  readonly watch?: boolean;
  readonly check?: boolean;
}

export function addStatusCommand(program: Command, runCommand: RunCommand): void {
  program
    .command('status')
    .description('Shows the state of each host, what waits for it, and what needs you.')
    .option('--details', 'list failures, blocked paths and other findings one by one')
    .option('--watch', 'show changes until ctrl-C')
    .option('--check', 'exit with 3 while something needs a person')
    .action((options: StatusOptions, command: Command) =>
      runCommand(command, async (context) => {
        const given = (['details', 'watch', 'check'] as const).filter((name) => options[name]);
        if (given.length > 1)
          throw new SyncMediaError(
            'BAD_OPTION',
            `--${given.join(' and --')} exclude each other: give one of them`,
          );
        if (options.details) return showDetails(context);
        if (!options.watch) return showOverview(context, options.check === true);
        await watchOverview(context);
        return 0;
      }),
    );
}

async function showOverview(
  { sync, screen, layout, json }: CommandContext,
  checks: boolean,
): Promise<ExitCode> {
  const overview = await sync.overview();
  if (json) screen.printJson(overview);
  else screen.print(layout.addHint(formatOverview(overview, layout)));
  if (!overview.thisHost) return 4;
  return checks && (overview.needs.length > 0 || overview.unavailable) ? 3 : 0;
}

async function showDetails({ sync, screen, layout, json }: CommandContext): Promise<ExitCode> {
  const status = await sync.status();
  if (json) screen.printJson(status);
  else screen.print(layout.addHint(formatStatus(status, layout)));
  return status.initialised ? 0 : 4;
}
