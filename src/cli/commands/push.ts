import type { Command } from 'commander';
import type { Run } from '../command-context.js';
import { addTransfer } from '../add-transfer.js';

export function addPush(program: Command, run: Run): void {
  addTransfer(
    program,
    run,
    'push',
    'Finds what other hosts lack or hold in an older version, and sends it.',
  );
}
