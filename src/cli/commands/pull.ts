import type { Command } from 'commander';
import type { Run } from '../command-context.js';
import { addTransfer } from '../add-transfer.js';

export function addPull(program: Command, run: Run): void {
  addTransfer(
    program,
    run,
    'pull',
    'Finds what this host lacks or holds in an older version, and fetches it from the others.',
  );
}
