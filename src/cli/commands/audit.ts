import { type Command, InvalidArgumentError } from 'commander';
import type { RunCommand } from '../command-context.js';
import { formatTable } from '../table.js';

export function addAuditCommand(program: Command, runCommand: RunCommand): void {
  program
    .command('audit')
    .description(
      'Shows who changed what through the router and the command line, the newest first.',
    )
    .option('--limit <number>', 'how many', parseAuditLimit, 50)
    .action(({ limit }: { limit: number }, command: Command) =>
      runCommand(command, async ({ sync, screen, json }) => {
        const audit = await sync.audit.list(limit);
        if (json) screen.printJson({ audit });
        else {
          screen.print(
            formatTable(
              ['WHEN', 'WHO', 'WHAT', 'OUTCOME', 'REQUESTED'],
              audit.map(({ at, by, what, outcome, args: requested }) => [
                at.toISOString(),
                by,
                what,
                outcome,
                requested,
              ]),
            ),
          );
        }
        return 0;
      }),
    );
}

function parseAuditLimit(value: string): number {
  if (!/^\d{1,5}$/.test(value) || Number(value) < 1 || Number(value) > 10_000)
    throw new InvalidArgumentError('A number from 1 to 10000.');
  return Number(value);
}
