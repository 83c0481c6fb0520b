import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BackendName } from '../../src/model/backend-name.js';
import { getErrorMessage } from '../../src/model/errors.js';
import type { Host } from '../../src/model/host.js';
import { requireSafePath } from '../../src/replica/paths.js';
import { Replica } from '../../src/replica/replica.js';
import { SyncDirs } from '../../src/replica/sync-dirs.js';
import type { BackendOptions } from '../../src/transport/options.js';
import { createBackend } from '../../src/transport/registry.js';
import { Ssh } from '../../src/transport/ssh/ssh.js';

/** What the test tells this program, as JSON in a file. */
export interface SharingOptions {
  readonly backendName: BackendName;
  readonly root: string;
  readonly stateDir: string;
  readonly identityFile: string;
  readonly host: Host;
  readonly path: string;
}

/*
 * Records versions of one file and shares each with another host, as the leader does, until it is
 * killed: node sharing-process OPTIONS FIRST. It prints `recorded N` and `shared N` of what is
 * certain, and tries again what failed.
 */
const [file = '', first = '0'] = process.argv.slice(2);
const given = JSON.parse(await readFile(file, 'utf8')) as SharingOptions;
const { backendName, root, stateDir, identityFile, host } = given;
const never = new AbortController().signal;
const path = requireSafePath(given.path);
const dirs = new SyncDirs([
  { path: requireSafePath('uploads/photos'), exclude: [], conflict: 'newer', onDelete: 'keep' },
]);
const { history } = createBackend[backendName]({
  replica: new Replica(root, () => dirs, { me: () => 'host-a' }),
  dirs: () => dirs,
  self: 'host-a',
  ssh: new Ssh({ stateDir, identityFile, timeoutMs: 10_000, idleMs: 1_000 }),
  timeoutMs: 10_000,
  history: {
    ...{ days: 30, maxBytes: 1e9, maxFileBytes: 1e6, author: 'x', stateDir, hostname: 'one' },
    annex: { largerThan: 1_000, on: 'all' },
  },
} as unknown as BackendOptions);
if (!history) throw new Error(`the backend ${backendName} keeps no history`);
const kept = history;

async function retry(work: () => Promise<boolean>): Promise<void> {
  for (;;) {
    if (
      await work().catch(async (error: unknown) => {
        process.stdout.write(`failed ${getErrorMessage(error)}\n`);
        await kept.open(never).catch(() => undefined);
        return false;
      })
    )
      return;
    await sleep(30);
  }
}

await kept.open(never);
process.stdout.write('open\n');
for (let number = Number(first); ; number++) {
  await writeFile(join(root, path), Buffer.alloc(300_000, `content ${String(number)} `));
  const info = await new Replica(root, () => dirs, { me: () => 'host-a' }).hash(path);
  if (!info) throw new Error('nothing was written');
  const request = { path, version: `v${String(number)}`, at: new Date(), info };
  await retry(async () => {
    const [unrecorded] = await kept.record([request], never);
    if (unrecorded) process.stdout.write(`failed ${unrecorded.failure.message}\n`);
    return unrecorded === undefined;
  });
  process.stdout.write(`recorded ${String(number)}\n`);
  await retry(async () => {
    const failure = await kept.share(host, never);
    if (failure) process.stdout.write(`failed ${failure.message}\n`);
    return failure === undefined;
  });
  process.stdout.write(`shared ${String(number)}\n`);
}
