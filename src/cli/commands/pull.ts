import type { Command } from 'commander';
import type { Run } from '../call.js';
import { addTransfer } from '../transfer.js';

export function addPull(program: Command, run: Run): void {
  addTransfer(program, run, 'pull', 'Finds what this host lacks or holds in an older version, and fetches it from the others.');
}
