import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultTuning } from '../../src/config/config.js';
import { dir, openSite, type Machine } from '../../test/flow/site.js';
import { until } from '../../test/harness/wait.js';
import { run } from '../baselines.js';
import type { Benchmark, Result, Settings } from '../benchmark.js';
import { now } from '../figures.js';
import { fillTree } from '../tree.js';

const goal = 2;
const size = 50_000;

/** Milliseconds; from the start of the bootstrap, except for that of bare rsync. */
interface Times {
  readonly files: number;
  readonly bare: number;
  readonly flushed: number;
  readonly first: number;
  readonly last: number;
  readonly held: number;
  readonly ready: number;
}

export const bootstrapping: Benchmark = {
  number: 11,
  title: 'A new host receives a tree of 50 KB files, beside one bare rsync of the same tree',
  async run(settings): Promise<Result> {
    const found: Times[] = [];
    for (const files of settings.files === undefined ? [2_000, 20_000] : [settings.files])
      found.push(await bootstrap(settings, files));
    const counts = found.map(({ files }) => files.toLocaleString('en'));
    return {
      sizes: `${counts.join(' and ')} files of ${String(size / 1000)} KB`,
      tables: [
        {
          head: ['seconds', ...counts.map((count) => `${count} files`)],
          rows: (
            [
              ['one bare rsync of the tree', 'bare'],
              ['the same with --fsync', 'flushed'],
              ['from the start of the bootstrap until the first file was fetched', 'first'],
              ['… until the last one was fetched', 'last'],
              ['… until all files are acknowledged', 'held'],
              ['… until the host is ready, as the other one knows it', 'ready'],
            ] as const
          ).map(([what, when]) => [what, ...found.map((times) => (times[when] / 1000).toFixed(2))]),
        },
      ],
      goals: found.map(({ files, held, bare }) => ({
        goal: `the bootstrap of ${files.toLocaleString('en')} files: ≤ ${String(goal)} × a bare rsync`,
        measured: `${(held / bare).toFixed(2)} ×`,
        met: held <= goal * bare,
      })),
      notes: [
        'Bare rsync flushes nothing to the disk without `--fsync`; the bootstrap flushes every file.',
      ],
    };
  },
};

async function bootstrap({ server, say }: Settings, files: number): Promise<Times> {
  const site = await openSite({ hosts: ['from', 'new'], server, plugin: { rescan: false } });
  try {
    const [from, fresh] = site.machines as [Machine, Machine];
    const key = join(from.ssh.dir, 'baseline-key');
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    await from.ssh.trust(await run('ssh-keygen', ['-y', '-f', key]));
    // It leaves the site and comes back as a new host, so that its first start is not waited for
    // by anybody.
    await fresh.app.close();
    await from.app.sync.hosts.unregister('new');
    const me = (await from.app.sync.hosts.show('from')).id;
    say(`making a tree of ${files.toLocaleString('en')} files`);
    const paths = await fillTree(from.app.connection, [from], me, [me], files, { bytes: size });

    say('one bare rsync of it');
    const bare = await timeBare(from, fresh, key, []);
    const flushed = await timeBare(from, fresh, key, ['--fsync']);

    say('the bootstrap of the new host');
    const app = await fresh.startApp({ start: false, tuning: { ...defaultTuning } });
    await app.sync.hosts.init();
    // Its key is installed before it begins, so that only the bootstrap is measured.
    await until(
      async () =>
        (await readFile(from.ssh.authorizedKeysFile, 'utf8')).includes(
          (await app.sync.hosts.show('new')).id,
        ),
      { timeout: 60_000 },
    );
    const at = { begun: 0, first: 0, last: 0, held: 0 };
    let held = 0;
    app.sync.on('run', ({ run: { kind, state } }) => {
      if (kind === 'bootstrap' && state === 'running') at.begun ||= now();
    });
    app.sync.on('outcome', () => {
      at.first ||= now();
      at.last = now();
    });
    app.sync.on('acknowledged', () => {
      if (++held === files) at.held = now();
    });
    await app.sync.start();
    await until(async () => (await app.sync.hosts.show('new')).readyAt !== undefined, {
      timeout: 10 * 60_000,
      interval: 50,
      what: 'the end of the bootstrap',
    });
    const ready = now();
    for (const path of paths) {
      const bytes = await readFile(fresh.path(path));
      if (!bytes.subarray(0, 200).toString().startsWith(`the file ${path}.`))
        throw new Error(`${path} has other bytes than were sent`);
      if (bytes.length !== size) throw new Error(`${path} has ${String(bytes.length)} bytes`);
    }
    if (held !== files)
      throw new Error(`${String(held)} files were acknowledged instead of ${String(files)}`);
    const { begun } = at;
    return {
      files,
      bare,
      flushed,
      first: at.first - begun,
      last: at.last - begun,
      held: at.held - begun,
      ready: ready - begun,
    };
  } finally {
    await site.close();
  }
}

async function timeBare(
  from: Machine,
  to: Machine,
  key: string,
  options: readonly string[],
): Promise<number> {
  const ssh =
    `ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ` +
    `LogLevel=ERROR -p ${String(from.ssh.port)} -i ${key}`;
  await mkdir(to.path('bare'), { recursive: true });
  const began = now();
  await run('rsync', [
    '-a',
    ...options,
    '--exclude=.syncmedia',
    '-e',
    ssh,
    `${from.ssh.username}@127.0.0.1:${from.path(dir)}/`,
    `${to.path('bare')}/`,
  ]);
  const took = now() - began;
  await rm(to.path('bare'), { recursive: true });
  return took;
}
