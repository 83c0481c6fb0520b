import type { Command } from 'commander';
import type { Run } from '../call.js';
import { addTransfer } from '../transfer.js';

export function addPush(program: Command, run: Run): void {
  addTransfer(program, run, 'push', 'Finds what other hosts lack or hold in an older version, and sends it.');
}
