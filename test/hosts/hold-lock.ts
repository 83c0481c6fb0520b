// A process of its own that takes a lock, prints what its file says, and holds it until it is
// killed. Argument: the lock file.
import { readFile } from 'node:fs/promises';
import { withLock } from '../../src/state-dir/file-lock.js';

const [lock = ''] = process.argv.slice(2);
await withLock(lock, async () => {
  process.stdout.write(`${await readFile(lock, 'utf8')}\n`);
  await new Promise((resolve) => {
    setTimeout(resolve, 600_000);
  });
});
