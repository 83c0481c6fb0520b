import { type Command, InvalidArgumentError } from 'commander';
import type { Run } from '../command-context.js';
import { formatTable } from '../table.js';

export function addAudit(program: Command, run: Run): void {
  program
    .command('audit')
    .description(
      'Shows who changed what through the router and the command line, the newest first.',
    )
    .option('--limit <number>', 'how many', parseLimit, 50)
    .action(({ limit }: { limit: number }, command: Command) =>
      run(command, async ({ sync, screen, json }) => {
        const audit = await sync.audit.list(limit);
        if (json) screen.printJson({ audit });
        else {
          screen.print(
            formatTable(
              ['WHEN', 'WHO', 'WHAT', 'OUTCOME', 'ASKED'],
              audit.map(({ at, by, what, outcome, asked }) => [
                at.toISOString(),
                by,
                what,
                outcome,
                asked,
              ]),
            ),
          );
        }
        return 0;
      }),
    );
}

function parseLimit(value: string): number {
  if (!/^\d{1,5}$/.test(value) || Number(value) < 1 || Number(value) > 10_000)
    throw new InvalidArgumentError('A number from 1 to 10000.');
  return Number(value);
}
