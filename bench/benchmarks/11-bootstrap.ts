import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultTuning } from '../../src/config/config.js';
import { dir, openSite, type Machine } from '../../test/flow/site.js';
import { until } from '../../test/harness/wait.js';
import { run } from '../baselines.js';
import type { Benchmark, Result } from '../benchmark.js';
import { now } from '../figures.js';
import { fillTree } from '../tree.js';

const goal = 2;

export const bootstrapping: Benchmark = {
  number: 11,
  title: 'A new host receives a tree of 2,000 files, beside one bare rsync of the same tree',
  async run({ server, say, files = 2_000 }): Promise<Result> {
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
      const paths = await fillTree(from.app.connection, [from], me, [me], files);

      say('one bare rsync of it');
      const bare = await time(async () => {
        await mkdir(fresh.path('bare'), { recursive: true });
        const ssh =
          `ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ` +
          `LogLevel=ERROR -p ${String(from.ssh.port)} -i ${key}`;
        await run('rsync', [
          '-a',
          '--exclude=.syncmedia',
          '-e',
          ssh,
          `${from.ssh.username}@127.0.0.1:${from.path(dir)}/`,
          `${fresh.path('bare')}/`,
        ]);
      });

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
        timeout: 15 * 60_000,
        interval: 50,
        what: 'the end of the bootstrap',
      });
      const ready = now();
      for (const path of paths) {
        if (!(await readFile(fresh.path(path))).toString().startsWith(`the file ${path}.`))
          throw new Error(`${path} has other bytes than were sent`);
      }
      if (held !== files)
        throw new Error(`${String(held)} files were acknowledged instead of ${String(files)}`);
      const elapsed = at.held - at.begun;
      return {
        sizes: `${files.toLocaleString('en')} files of 1 KB`,
        tables: [
          {
            head: ['', 'seconds'],
            rows: [
              ['one bare rsync of the tree', seconds(bare)],
              [
                'from the start of the bootstrap until all files are acknowledged',
                seconds(elapsed),
              ],
              ['of these: until the first file was fetched', seconds(at.first - at.begun)],
              ['until the last one was fetched', seconds(at.last - at.first)],
              ['until it was acknowledged', seconds(at.held - at.last)],
              ['until the host is ready, as the other one knows it', seconds(ready - at.held)],
            ],
          },
        ],
        goals: [
          {
            goal: `a bootstrap takes at most ${String(goal)} times as long as a bare rsync`,
            measured: `${(elapsed / bare).toFixed(2)} times`,
            met: elapsed <= goal * bare,
          },
        ],
        notes: [],
      };
    } finally {
      await site.close();
    }
  },
};

async function time(work: () => Promise<void>): Promise<number> {
  const began = now();
  await work();
  return now() - began;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(2);
}
