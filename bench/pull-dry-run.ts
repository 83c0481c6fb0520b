// How much memory `syncmedia pull --dry-run` takes where another host has a million files that this
// one lacks, and how long it takes: `npm run bench:pull -- [FILES]`. Real sshd, real rsync, a real
// database, the built command line.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startDatabase, uriOfDatabase } from '../scripts/database.mjs';
import { formatFingerprint } from '../src/util/public-key.js';
import type { Run } from '../src/model/run.js';
import { startHost, type TestHost } from '../test/harness/sshd.js';
import { makeTree } from './make-tree.mjs';

const root = fileURLToPath(new URL('../', import.meta.url));
const files = Number(process.argv[2] ?? 1_000_000);
const dir = 'uploads';

const database = await startDatabase({
  say: (line) => {
    console.error(line);
  },
});
const hosts: TestHost[] = [];
try {
  await runNode(['scripts/build.mjs']);
  const one = await startHost({ name: 'one' }),
    two = await startHost({ name: 'two' });
  hosts.push(one, two);
  for (const host of hosts) await mkdir(join(host.root, dir));
  await two.trust(one.publicKey);
  await onOne(one, [
    'init',
    '--hostname',
    'one',
    '--url',
    one.hostname,
    '-p',
    String(one.port),
    '-u',
    one.username,
    '-k',
    one.publicKeyFile,
    '--root',
    one.root,
    '--sync-dirs',
    dir,
  ]);
  await onOne(one, [
    'hosts',
    'add',
    '--hostname',
    'two',
    '--url',
    two.hostname,
    '-p',
    String(two.port),
    '-u',
    two.username,
    '--root',
    two.root,
    '--sync-dirs',
    dir,
    '--fingerprint',
    formatFingerprint(two.hostPublicKeys[0] ?? ''),
  ]);
  console.error(`making ${String(files)} files`);
  makeTree(join(two.root, dir), files);
  const began = performance.now();
  const { stdout, peakMiB } = await onOne(one, ['pull', '--dry-run', '--json']);
  const { run } = JSON.parse(stdout) as { run: Run };
  if (run.filesFound !== files)
    throw new Error(
      `of ${String(files)} files ${String(run.filesFound)} were found: ` +
        `${JSON.stringify(run.failures)}`,
    );
  console.log(
    `pull --dry-run of ${String(files)} files: at most ${peakMiB.toFixed(0)} MiB in the node ` +
      `process, ${((performance.now() - began) / 1000).toFixed(0)} s`,
  );
} finally {
  for (const host of hosts) await host.close();
  await database.stop();
}

function onOne(
  one: TestHost,
  args: readonly string[],
): Promise<{ stdout: string; peakMiB: number }> {
  return runNode([join(root, 'dist/cli/main.js'), ...args], {
    SYNCMEDIA_MONGODB_URI: uriOfDatabase(database.uri, 'syncmedia_bench'),
    SYNCMEDIA_STATE_DIR: one.stateDir,
    SYNCMEDIA_AUTHORIZED_KEYS: one.authorizedKeysFile,
    HOME: one.dir,
  });
}

/**
 * Runs a program of ours and watches its resident memory, as Linux counts it. @throws where it
 * fails
 */
async function runNode(
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<{ stdout: string; peakMiB: number }> {
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let stdout = '',
    peakMiB = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  const watch = setInterval(() => {
    void readFile(`/proc/${String(child.pid)}/status`, 'utf8').then(
      (status) => {
        peakMiB = Math.max(peakMiB, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
      },
      () => undefined,
    );
  }, 100);
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new Error(`${args.join(' ')} ended with ${String(code)}:\n${stdout}`);
  } finally {
    clearInterval(watch);
  }
  return { stdout, peakMiB };
}
