import type { Command } from 'commander';
import type { VerifyRequest } from '../../api/requests.js';
import type { RunCommand } from '../command-context.js';
import { followRun, printRun } from '../follow-run.js';
import { addScopeOptions, readScope, type ScopeOptions } from '../scope.js';

export function addVerifyCommand(program: Command, runCommand: RunCommand): void {
  addScopeOptions(program.command('verify'))
    .description('Compares by content: this host with the ledger, the other hosts with this one.')
    .option(
      '--repair',
      'fetch or send files that are missing, damaged or superseded, from bytes that match the ' +
        'ledger',
    )
    .action((options: ScopeOptions & { repair?: boolean }, command: Command) =>
      runCommand(command, async (context) => {
        const request: VerifyRequest = {
          ...readScope(options),
          repair: options.repair ?? false,
          by: 'command line',
        };
        const startedRun = await context.sync.verify(request);
        return options.wait ? followRun(startedRun.id, context) : printRun(startedRun, context);
      }),
    );
}
