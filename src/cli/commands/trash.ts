import type { Command } from 'commander';
import type { RunCommand } from '../command-context.js';
import { formatRecoverable } from '../format-recoverable.js';

export function addTrashCommands(program: Command, runCommand: RunCommand): void {
  const trash = program
    .command('trash')
    .description('Shows the replaced and removed files of this host, and restores them.');
  trash
    .command('list', { isDefault: true })
    .description('Lists superseded versions and removed files, the newest first.')
    .action((_options: object, command: Command) =>
      runCommand(command, async ({ sync, screen, layout, json }) => {
        const files = await sync.recoverable.list('trash');
        if (json) screen.printJson({ files });
        else screen.print(formatRecoverable('files in the trash', files, layout));
        return 0;
      }),
    );
  trash
    .command('restore')
    .description('Restores a file on every host. The file that is there now goes to the trash.')
    .argument('<sync-dir>')
    .argument('<kept-as>', 'as the list shows it')
    .action((dir: string, keptAs: string, _options: object, command: Command) =>
      runCommand(command, async ({ sync, screen, json }) => {
        await sync.recoverable.restore(dir, keptAs);
        if (json) screen.printJson({ restored: keptAs });
        else screen.print(`restored ${keptAs}\n`);
        return 0;
      }),
    );
}

export function addRemovalsCommands(program: Command, runCommand: RunCommand): void {
  const removals = program
    .command('removals')
    .description('Decides on removals that wait for a person, because there were so many at once.');
  removals
    .command('list', { isDefault: true })
    .description('Lists the waiting removals.')
    .action((_options: object, command: Command) =>
      runCommand(command, async ({ sync, screen, layout, json }) => {
        const waiting = (await sync.removals.list()).map(({ host, dir, failure }) => ({
          host: host.hostname,
          dir,
          message: failure.message,
        }));
        if (json) screen.printJson({ removals: waiting });
        else {
          const rows = waiting.map(({ host, dir, message }) => [host, dir, message]);
          const list = layout.formatList('waiting removals', ['HOST', 'SYNC DIR', 'WHAT'], rows);
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
      .action((dir: string, options: { host?: string }, command: Command) =>
        runCommand(command, async ({ sync, screen, json }) => {
          await sync.removals.decide(dir, decision, options.host);
          if (json) screen.printJson({ dir, decision });
          else screen.print(`${decision}: the removals of ${dir}\n`);
          return 0;
        }),
      );
  }
}
