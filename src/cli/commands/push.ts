import type { Command } from 'commander';
import type { RunCommand } from '../command-context.js';
import { addTransferCommand } from '../add-transfer.js';

export function addPushCommand(program: Command, runCommand: RunCommand): void {
  addTransferCommand(
    program,
    runCommand,
    'push',
    'Finds what other hosts lack or hold in an older version, and sends it.',
  );
}
