import type { Command } from 'commander';
import type { RunCommand } from '../command-context.js';
import { formatStatus } from '../format-status.js';

export function addStatusCommand(program: Command, runCommand: RunCommand): void {
  program
    .command('status')
    .description('Shows the pending files of each host, its last delivery, and its failures.')
    .action((_options: object, command: Command) =>
      runCommand(command, async ({ sync, screen, layout, json }) => {
        const status = await sync.status();
        if (json) screen.printJson(status);
        else screen.print(layout.addHint(formatStatus(status, layout)));
        return status.initialised ? 0 : 4;
      }),
    );
}
