import type { Command } from 'commander';
import type { ConflictComparison } from '../../api/reports.js';
import type { RunCommand } from '../command-context.js';
import { formatRecoverable } from '../format-recoverable.js';
import { formatBytes } from '../progress.js';
import { formatTable } from '../table.js';

export function addConflictsCommands(program: Command, runCommand: RunCommand): void {
  const conflicts = program
    .command('conflicts')
    .description(
      'Shows files of this host that lost against another version, and decides on them.',
    );
  conflicts
    .command('list', { isDefault: true })
    .description('Lists them, the newest first.')
    .action((_options: object, command: Command) =>
      runCommand(command, async ({ sync, screen, layout, json }) => {
        const files = await sync.conflicts.list();
        if (json) screen.printJson({ files });
        else screen.print(formatRecoverable('conflicts', files, layout));
        return 0;
      }),
    );
  addFileCommand('compare', 'Compares one with the file at its path on this host.').action(
    (dir: string, keptAs: string, _options: object, command: Command) =>
      runCommand(command, async ({ sync, screen, json }) => {
        const conflict = await sync.conflicts.compare(dir, keptAs);
        if (json) screen.printJson({ conflict });
        else screen.print(describeComparison(conflict));
        return 0;
      }),
  );
  addFileCommand(
    'restore',
    'Restores one on every host. The file that is there now goes to the trash.',
  ).action((dir: string, keptAs: string, _options: object, command: Command) =>
    runCommand(command, async ({ sync, screen, json }) => {
      await sync.conflicts.restore(dir, keptAs);
      if (json) screen.printJson({ restored: keptAs });
      else screen.print(`restored ${keptAs}\n`);
      return 0;
    }),
  );
  addFileCommand('discard', 'Moves one to the trash, which keeps it for 30 days.').action(
    (dir: string, keptAs: string, _options: object, command: Command) =>
      runCommand(command, async ({ sync, screen, json }) => {
        await sync.conflicts.discard(dir, keptAs);
        if (json) screen.printJson({ discarded: keptAs });
        else screen.print(`discarded ${keptAs}: it is in the trash\n`);
        return 0;
      }),
  );

  function addFileCommand(name: string, about: string): Command {
    return conflicts
      .command(name)
      .description(about)
      .argument('<sync-dir>')
      .argument('<kept-as>', 'as the list shows it');
  }
}

function describeComparison({
  path,
  keptAs,
  conflict: kept,
  here,
  identical,
}: ConflictComparison): string {
  const rows = [[keptAs, kept] as const, ...(here ? [[path, here] as const] : [])];
  const conclusion = !here
    ? `there is no file at ${path} on this host`
    : identical
      ? 'they are identical'
      : 'they differ';
  return (
    formatTable(
      ['FILE', 'SIZE', 'DATE', 'SHA256'],
      rows.map(([name, { size, mtime, sha256 }]) => [
        name,
        formatBytes(size),
        mtime.toISOString(),
        sha256,
      ]),
    ) + `${conclusion}\n`
  );
}
