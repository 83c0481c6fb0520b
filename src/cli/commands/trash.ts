import type { Command } from 'commander';
import type { RunCommand } from '../command-context.js';
import { followRun } from '../follow-run.js';
import { formatRecoverable } from '../format-recoverable.js';
import { describeUser } from '../open-instance.js';
import { makeLimitParser } from '../parse-limit.js';
import { addHostOption } from './conflicts.js';

export function addTrashCommands(program: Command, runCommand: RunCommand): void {
  const trash = program
    .command('trash')
    .description('Shows the replaced and removed files of this host, and restores them.');
  addHostOption(trash.command('list', { isDefault: true }))
    .description('Lists superseded versions and removed files, the newest first.')
    .option('--limit <number>', 'how many at most', makeLimitParser(1_000), 100)
    .action((query: { host?: string; limit: number }, command: Command) =>
      runCommand(command, async ({ sync, screen, layout, json }) => {
        const files = await sync.recoverable.list('trash', query);
        if (json) screen.printJson({ files });
        else screen.print(formatRecoverable('files in the trash', files, layout));
        return 0;
      }),
    );
  addHostOption(trash.command('restore'))
    .description('Restores a file on every host. The file that is there now goes to the trash.')
    .argument('<sync-dir>')
    .argument('<kept-as>', 'as the list shows it')
    .action((dir: string, keptAs: string, { host }: { host?: string }, command: Command) =>
      runCommand(command, async (context) => {
        const { sync, screen, json } = context;
        const decision = { ...(host !== undefined && { host }), by: describeUser() };
        const run = await sync.recoverable.restore(dir, keptAs, decision);
        if (run) return followRun(run.id, context);
        if (json) screen.printJson({ restored: keptAs });
        else screen.print(`restored ${keptAs}\n`);
        return 0;
      }),
    );
}
