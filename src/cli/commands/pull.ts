import type { Command } from 'commander';
import type { RunCommand } from '../command-context.js';
import { addTransferCommand } from '../add-transfer.js';

export function addPullCommand(program: Command, runCommand: RunCommand): void {
  addTransferCommand(
    program,
    runCommand,
    'pull',
    'Finds what this host lacks or holds in an older version, and fetches it from the others.',
  );
}
