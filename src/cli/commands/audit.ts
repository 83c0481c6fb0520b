import { type Command, InvalidArgumentError } from 'commander';
import type { RunCommand } from '../command-context.js';

export function addAuditCommand(program: Command, runCommand: RunCommand): void {
  program
    .command('audit')
    .description(
      'Shows who changed what through the router and the command line, the newest first.',
    )
    .option('--limit <number>', 'how many', parseAuditLimit, 50)
    .action(({ limit }: { limit: number }, command: Command) =>
      runCommand(command, async ({ sync, screen, layout, json }) => {
        const audit = await sync.audit.list(limit);
        if (json) screen.printJson({ audit });
        else {
          const rows = audit.map(({ at, by, what, outcome, args: requested }) => [
            layout.formatTime(at),
            by,
            what,
            outcome,
            requested,
          ]);
          const headings = ['WHEN', 'WHO', 'WHAT', 'OUTCOME', 'REQUESTED'];
          screen.print(layout.addHint(layout.formatList('audit entries', headings, rows)));
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
