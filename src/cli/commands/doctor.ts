import type { Command } from 'commander';
import type { RunCommand } from '../command-context.js';
import { formatTable } from '../table.js';

const resultLabels = { ok: 'ok', info: 'note', failed: 'FAILED' } as const;

export function addDoctorCommand(program: Command, runCommand: RunCommand): void {
  program
    .command('doctor')
    .description('Examines this host and its way to the others; says for each failure what to do.')
    .option('--host <host>', 'examine this host, by name or id, as far as it can be seen from here')
    .option('--url <url>', 'also ask the public site whether it publishes internal folders')
    .action(({ host, url }: { host?: string; url?: string }, command: Command) =>
      runCommand(command, async ({ sync, screen, json }) => {
        const checks = await sync.doctor({
          ...(host !== undefined && { host }),
          ...(url !== undefined && { siteUrl: url }),
        });
        if (json) screen.printJson({ checks });
        else
          screen.print(
            formatTable(
              ['CHECK', 'RESULT', ''],
              checks.map(({ name, state, message, remedy }) => [
                name,
                resultLabels[state],
                remedy === undefined ? message : `${message} → ${remedy}`,
              ]),
            ),
          );
        return checks.every(({ state }) => state !== 'failed') ? 0 : 3;
      }),
    );
}
