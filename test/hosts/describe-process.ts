// A process of its own: prints its description, then for each line of its input, a description,
// whether that process is dead.
import { createInterface } from 'node:readline';
import { describeThisProcess, isProcessDead } from '../../src/state-dir/process-identity.js';

// Not before all is loaded: only root can read a checkout wherever it lies.
const user = process.env['BECOME_USER'];
if (user !== undefined) {
  process.setgroups?.([]);
  process.setgid?.(Number(user));
  process.setuid?.(Number(user));
}
const [title] = process.argv.slice(2);
if (title !== undefined) process.title = title;
process.stdout.write(`${describeThisProcess()}\n`);
createInterface({ input: process.stdin })
  .on('line', (line) => {
    void isProcessDead(line).then((dead) => {
      process.stdout.write(`${dead ? 'dead' : 'not dead'}\n`);
    });
  })
  .on('close', () => {
    process.exit();
  });
