import type { Command } from 'commander';
import type { RunCommand } from '../command-context.js';
import { followRun, printRun } from '../follow-run.js';
import { formatRunTable } from '../format-run-table.js';
import { makeLimitParser } from '../parse-limit.js';

export function addRunsCommands(program: Command, runCommand: RunCommand): void {
  const runs = program
    .command('runs')
    .description(
      'Shows the runs that were requested: pushes, pulls, verifications, adoptions, bootstraps.',
    );
  runs
    .command('list', { isDefault: true })
    .description('Lists them, the newest first.')
    .option('--limit <number>', 'how many at most', makeLimitParser(1_000), 50)
    .action((options: { limit: number }, command: Command) =>
      runCommand(command, async ({ sync, screen, layout, json }) => {
        const found = await sync.runs.list(options.limit);
        if (json) screen.printJson({ runs: found });
        else screen.print(formatRunTable(found, await sync.hosts.list(), layout));
        return 0;
      }),
    );
  runs
    .command('show')
    .description('Shows one.')
    .argument('<id>')
    .action((id: string, _options: object, command: Command) =>
      runCommand(command, async (context) => {
        await printRun(await context.sync.runs.show(id), context);
        return 0;
      }),
    );
  runs
    .command('follow')
    .description('Follows one to its end.')
    .argument('<id>')
    .action((id: string, _options: object, command: Command) =>
      runCommand(command, (context) => followRun(id, context)),
    );
  runs
    .command('cancel')
    .description('Cancels one.')
    .argument('<id>')
    .action((id: string, _options: object, command: Command) =>
      runCommand(command, async (context) => {
        await printRun(await context.sync.runs.cancel(id), context);
        return 0;
      }),
    );
}
