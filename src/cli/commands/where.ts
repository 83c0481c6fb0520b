import type { Command } from 'commander';
import type { FileStatus } from '../../api/reports.js';
import { formatLocation } from '../format-location.js';
import type { RunCommand } from '../command-context.js';

export function addWhereCommand(program: Command, runCommand: RunCommand): void {
  program
    .command('where')
    .description('Shows which hosts have a file, which lack it, and why.')
    .argument('<path>', 'of the file, relative to the root or absolute')
    .action((path: string, _options: object, command: Command) =>
      runCommand(command, async ({ sync, screen, layout, json }) => {
        const status = await sync.statusOf(path);
        if (json) screen.printJson(status);
        else
          screen.print(
            status.files.map((file) => layout.addHint(formatLocation(file, layout))).join('\n'),
          );
        return status.files.every(isEverywhere) ? 0 : 3;
      }),
    );
}

/** Whether every host that is to have the newest version has it. */
function isEverywhere({ captured, pendingCaptures, kind, heldBy, pending }: FileStatus): boolean {
  const isLost = kind === 'file' && heldBy.length === 0;
  return captured && pendingCaptures === undefined && pending.length === 0 && !isLost;
}
