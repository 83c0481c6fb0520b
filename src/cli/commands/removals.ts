import { type Command, InvalidArgumentError } from 'commander';
import type { RunCommand } from '../command-context.js';

export function addRemovalsCommands(program: Command, runCommand: RunCommand): void {
  const removals = program
    .command('removals')
    .description('Decides on removals that wait for a person, because there were so many at once.');
  removals
    .command('list', { isDefault: true })
    .description('Lists the waiting removals.')
    .action((_options: object, command: Command) =>
      runCommand(command, async ({ sync, screen, layout, json }) => {
        const waiting = (await sync.removals.list()).map(({ host, failure, ...removals }) => ({
          host: host.hostname,
          message: failure.message,
          ...removals,
        }));
        if (json) screen.printJson({ removals: waiting });
        else {
          const rows = waiting.map(({ host, dir, count, share, since, message }) => [
            host,
            dir,
            String(count),
            `${String(Math.round(share * 100))} %`,
            layout.formatTime(since),
            message,
          ]);
          const headings = ['HOST', 'SYNC DIR', 'FILES', 'SHARE', 'SINCE', 'WHAT'];
          const list = layout.formatList('waiting removals', headings, rows, ['SHARE', 'SINCE']);
          screen.print(layout.addHint(list));
        }
        return 0;
      }),
    );
  for (const [name, decision, about] of [
    ['approve', 'approved', 'Approves them: the files are removed.'],
    ['reject', 'rejected', 'Rejects them: the files stay.'],
  ] as const) {
    removals
      .command(name)
      .description(about)
      .argument('<sync-dir>')
      .option('--host <host>', 'only removals that wait on this host')
      .option('--count <number>', 'only if so many files wait, as the list shows', parseCount)
      .action((dir: string, options: { host?: string; count?: number }, command: Command) =>
        runCommand(command, async ({ sync, screen, json }) => {
          await sync.removals.decide(dir, decision, options.host, options.count);
          if (json) screen.printJson({ dir, decision });
          else screen.print(`${decision}: the removals of ${dir}\n`);
          return 0;
        }),
      );
  }
}

function parseCount(value: string): number {
  if (!/^\d{1,9}$/.test(value)) throw new InvalidArgumentError('A whole number.');
  return Number(value);
}
