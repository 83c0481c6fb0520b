import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { requireSafePath } from '../../../src/replica/paths.js';
import { Replica } from '../../../src/replica/replica.js';
import { SyncDirs } from '../../../src/replica/sync-dirs.js';
import { AnnexHistory } from '../../../src/transport/git-annex/annex-history.js';
import type { BackendOptions } from '../../../src/transport/options.js';

/*
 * Records versions of a large file until it is killed: node recording-process ROOT STATEDIR FIRST.
 * After each record it prints the number of the version that is certainly recorded.
 */
const [root = '', stateDir = '', first = '0'] = process.argv.slice(2);
const never = new AbortController().signal;
const dirs = new SyncDirs([
  { path: requireSafePath('uploads/photos'), exclude: [], conflict: 'newer', onDelete: 'keep' },
]);
const replica = new Replica(root, () => dirs, { me: () => 'host-a' });
const options = { replica, self: 'host-a', timeoutMs: 30_000 } as BackendOptions;
const history = new AnnexHistory(options, {
  ...{ days: 30, maxBytes: 1e9, maxFileBytes: 1e6, author: 'x', stateDir, hostname: 'one' },
  annex: { largerThan: 1_000, on: 'all' },
});
await history.open(never);
process.stdout.write('open\n');
const path = requireSafePath('uploads/photos/film.mp4');
for (let number = Number(first); ; number++) {
  await writeFile(join(root, path), `content ${String(number)}`.repeat(50_000));
  const info = await replica.hash(path);
  if (!info) throw new Error('nothing was written');
  const version = `v${String(number)}`;
  await history.record([{ path, version, at: new Date(), info }], never);
  process.stdout.write(`${String(number)}\n`);
  if (number % 5 === 4) await history.maintain(never);
}
