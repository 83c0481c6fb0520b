import type { Command } from 'commander';
import type { VerifyRequest } from '../../api/sync-media.js';
import type { Run } from '../command-context.js';
import { followRun, showRun } from '../follow-run.js';
import { addScope, type ScopeOptions } from '../scope.js';

export function addVerify(program: Command, run: Run): void {
  addScope(program.command('verify'))
    .description('Compares by content: this host with the ledger, the other hosts with this one.')
    .option(
      '--repair',
      'fetch or send files that are missing, damaged or superseded, from bytes that match the ' +
        'ledger',
    )
    .action((options: ScopeOptions & { repair?: boolean }, command: Command) =>
      run(command, async (call) => {
        const request: VerifyRequest = {
          ...(options.host && { hosts: options.host }),
          ...(options.dir && { dirs: options.dir }),
          repair: options.repair ?? false,
          by: 'command line',
        };
        const asked = await call.sync.verify(request);
        return options.wait ? followRun(asked.id, call) : showRun(asked, call);
      }),
    );
}
