import type { Command } from 'commander';
import type { RunRequest } from '../instance.js';
import type { Run } from './call.js';
import { followRun, showRun } from './follow-run.js';
import { collect } from './host-options.js';

interface TransferOptions { readonly host?: string[]; readonly dir?: string[]; readonly dryRun?: boolean; readonly wait: boolean }

/** `push` and `pull`: the same options, asked of the instance as a run. */
export function addTransfer(program: Command, run: Run, kind: 'push' | 'pull', description: string): void {
  program.command(kind)
    .description(description)
    .option('--host <host>', 'only this host, by name or id; may be repeated (default: all)', collect)
    .option('--dir <dir>', 'only this sync dir; may be repeated (default: all)', collect)
    .option('--dry-run', 'list what would be transferred, change nothing')
    .option('--no-wait', 'ask for it and return')
    .action((options: TransferOptions, command: Command) => run(command, async (call) => {
      const request: RunRequest = {
        ...(options.host && { hosts: options.host }), ...(options.dir && { dirs: options.dir }),
        dryRun: options.dryRun ?? false, by: 'command line',
      };
      const asked = await call.sync[kind](request);
      return options.wait ? followRun(asked.id, call) : showRun(asked, call);
    }));
}
