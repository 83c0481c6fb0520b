import type { Command } from 'commander';
import type { FileStatus } from '../../api/reports.js';
import { formatLocation } from '../format-location.js';
import type { RunCommand } from '../command-context.js';

export function addWhereCommand(program: Command, runCommand: RunCommand): void {
  program
    .command('where')
    .description('Shows which hosts have a file, which lack it, and why.')
    .argument('<path>', 'of the file, relative to the root or absolute; or the name of a model')
    .argument('[document-id]', 'of a document of that model: its files')
    .action((pathOrModel: string, id: string | undefined, _options: object, command: Command) =>
      runCommand(command, async ({ sync, screen, layout, json }) => {
        const page = await sync.files.find(
          id === undefined ? { path: pathOrModel } : { document: { model: pathOrModel, id } },
        );
        const { files } = page;
        if (json) screen.printJson(page);
        else if (files.length === 0) screen.print(`${pathOrModel} ${id ?? ''} names no file\n`);
        else
          screen.print(
            files.map((file) => layout.addHint(formatLocation(file, layout))).join('\n'),
          );
        return files.every(isEverywhere) ? 0 : 3;
      }),
    );
}

/** Whether every host that is to have the newest version has it. */
function isEverywhere({ captured, pendingCaptures, kind, heldBy, pending }: FileStatus): boolean {
  const isLost = kind === 'file' && heldBy.length === 0;
  return captured && pendingCaptures === undefined && pending.length === 0 && !isLost;
}
