import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { HostStatus } from '../../src/api/reports.js';
import { gateIsMissing } from '../gate/confined.js';
import { until } from '../harness/wait.js';
import { annexIsMissing } from '../transport/git-annex/site.js';
import { dir, openSite, threeOf, untilNothingPending, type Machine, type Site } from './site.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

let site: Site | undefined;
afterEach(async () => {
  await site?.close();
  site = undefined;
});

/** With git-annex, larger files lie in the annex. */
const environment = { SYNCMEDIA_ANNEX_LARGER_THAN: '1K' };
const fill = (text: string): string => `${text} `.repeat(600);

const pathOf = (name: string): string => `${dir}/${name}`;

async function save(machine: Machine, name: string, content: string): Promise<void> {
  await machine.write(pathOf(name), content);
  await machine.app.Photo.create({ title: `photo of ${name}`, file: pathOf(name) });
}

/** Restarts the application of a machine with another backend, as an operator does. */
async function switchTo(backend: string, ...machines: Machine[]): Promise<void> {
  for (const machine of machines) {
    await machine.app.close();
    machine.environment['SYNCMEDIA_BACKEND'] = backend;
    machine.app = await machine.startApp();
  }
}

async function untilListed(count: number, name: string, machines: Machine[]): Promise<void> {
  for (const { app, name: host } of machines)
    await until(async () => (await app.sync.history.list(pathOf(name))).length === count, {
      what: `${String(count)} versions of ${name} on ${host}`,
    });
}

/** Waits until these hosts have the bytes of so many versions. */
async function untilStored(count: number, name: string, machines: Machine[]): Promise<void> {
  for (const { app, name: host } of machines)
    await until(
      async () => {
        const versions = await app.sync.history.list(pathOf(name));
        return versions.filter(({ as }) => as === 'stored').length === count;
      },
      { timeout: 60_000, what: `${String(count)} stored versions of ${name} on ${host}` },
    );
}

async function statusOf(machine: Machine): Promise<HostStatus | undefined> {
  const { hosts } = await machine.app.sync.status();
  return hosts.find(({ hostname }) => hostname === machine.name);
}

async function everywhere(machines: Machine[], name: string, content: string): Promise<void> {
  for (const machine of machines)
    await until(async () => (await machine.read(pathOf(name))) === content, {
      what: `${content.slice(0, 40)} at ${name} on ${machine.name}`,
    });
}

describe.each([
  ['git', gateIsMissing],
  ['git-annex', gateIsMissing ?? annexIsMissing],
])('a running site changes between rsync and %s', (backend, isMissing) => {
  test.skipIf(isMissing !== undefined)(
    'from rsync: files that exist come into the history of all hosts, and can be restored',
    async () => {
      site = await openSite({ environment });
      const [one, two, three] = threeOf(site);
      const names = Array.from({ length: 12 }, (_, index) => `before-${String(index)}.jpg`);
      for (const name of names) await save(one, name, `${name} of one`);
      await save(one, 'film.mp4', fill('film'));
      await save(two, 'of-two.jpg', 'of two');
      await untilNothingPending(site);
      await switchTo(backend, one, two, three);
      for (const name of [...names, 'of-two.jpg']) await untilListed(1, name, [one, two, three]);
      const [adopted] = await three.app.sync.history.list(pathOf('of-two.jpg'));
      expect(adopted).toMatchObject({ hostname: 'two', as: 'stored', savedBy: { model: 'Photo' } });
      const { history } = await until(async () => {
        const status = await statusOf(one);
        return status?.history?.adoption?.endedAt ? status : undefined;
      });
      expect(history).toMatchObject({ adoption: { files: 13 }, unrecorded: 0 });
      expect(await one.app.sync.doctor()).toContainEqual(
        expect.objectContaining({
          name: 'history',
          state: 'ok',
          message: expect.stringContaining('13 existing files are recorded, too') as string,
        }),
      );
      await save(three, 'of-two.jpg', 'replaced by three');
      await untilListed(2, 'of-two.jpg', [one, two, three]);
      await one.app.sync.history.restore(pathOf('of-two.jpg'), adopted?.revision ?? '', {
        dryRun: false,
      });
      await everywhere([one, two, three], 'of-two.jpg', 'of two');
      await untilStored(1, 'film.mp4', [one, two, three]);
      const [film] = await three.app.sync.history.list(pathOf('film.mp4'));
      await save(one, 'film.mp4', fill('replaced'));
      await untilStored(2, 'film.mp4', [one, two, three]);
      await three.app.sync.history.restore(pathOf('film.mp4'), film?.revision ?? '', {
        dryRun: false,
      });
      await everywhere([one, two, three], 'film.mp4', fill('film'));
    },
  );

  test.skipIf(isMissing !== undefined)(
    'existing files take at most half of the limit',
    async () => {
      site = await openSite({
        hosts: ['one'],
        environment: { ...environment, SYNCMEDIA_HISTORY_MAX_BYTES: '1M' },
      });
      const [one] = site.machines as [Machine];
      for (const name of ['a.bin', 'b.bin', 'c.bin'])
        await save(one, name, name.charAt(0).repeat(400_000));
      await untilNothingPending(site);
      await switchTo(backend, one);
      const history = await until(async () => {
        const found = (await statusOf(one))?.history;
        return found?.adoption?.endedAt ? found : undefined;
      });
      expect(history.adoption).toMatchObject({ isFull: true, files: 1, bytes: 400_000 });
      await untilListed(1, 'a.bin', [one]);
      await untilListed(0, 'b.bin', [one]);
      const doctor = await one.app.sync.doctor();
      expect(doctor.find(({ name }) => name === 'history')?.message).toMatch(
        /the others would take more than half of SYNCMEDIA_HISTORY_MAX_BYTES/,
      );
      // What is saved from now on is recorded all the same.
      await save(one, 'later.jpg', 'later');
      await untilListed(1, 'later.jpg', [one]);
    },
  );

  test.skipIf(isMissing !== undefined)(
    'to rsync and back: files go on, no history is shared with that host, and it catches up',
    async () => {
      site = await openSite({ environment: { ...environment, SYNCMEDIA_BACKEND: backend } });
      const [one, two, three] = threeOf(site);
      await save(one, 'a.jpg', fill('first'));
      await untilStored(1, 'a.jpg', [one, two, three]);
      await switchTo('rsync', two);
      await save(one, 'a.jpg', fill('second'));
      await everywhere([one, two, three], 'a.jpg', fill('second'));
      await save(two, 'b.jpg', 'of a host without history');
      await everywhere([one, two, three], 'b.jpg', 'of a host without history');
      await untilListed(2, 'a.jpg', [one, three]);
      await expect(two.app.sync.history.list(pathOf('a.jpg'))).rejects.toMatchObject({
        code: 'NO_HISTORY',
        message: expect.stringContaining('SYNCMEDIA_BACKEND=git') as string,
      });
      // Nobody fails at sharing with it, and its gate is closed.
      await until(
        async () => Object.keys((await statusOf(one))?.history?.unshared ?? {}).length === 0,
      );
      expect((await statusOf(two))?.history).toBeUndefined();
      expect(await readFile(join(two.ssh.stateDir, 'git', 'HEAD'), 'utf8')).toContain('ref:');
      await switchTo(backend, two);
      await untilListed(2, 'a.jpg', [two]);
      await untilListed(1, 'b.jpg', [one, two, three]);
      await save(two, 'a.jpg', fill('third'));
      await untilStored(3, 'a.jpg', [one, two, three]);
    },
  );

  test.skipIf(isMissing !== undefined)(
    'a mixed site delivers everywhere, and restores on hosts without a history, too',
    async () => {
      site = await openSite({ environment: { ...environment, SYNCMEDIA_BACKEND: backend } });
      const [one, two, three] = threeOf(site);
      await switchTo('rsync', three);
      await save(one, 'a.jpg', fill('first'));
      await untilStored(1, 'a.jpg', [one, two]);
      await save(three, 'a.jpg', fill('of a host without history'));
      await everywhere([one, two, three], 'a.jpg', fill('of a host without history'));
      const [first] = await two.app.sync.history.list(pathOf('a.jpg'));
      const plan = await two.app.sync.history.restore(pathOf('a.jpg'), first?.revision ?? '');
      expect(plan.hosts).toEqual(['two', 'one', 'three']);
      await two.app.sync.history.restore(pathOf('a.jpg'), first?.revision ?? '', { dryRun: false });
      await everywhere([one, two, three], 'a.jpg', fill('first'));
      // The host that replaced the version of a host without history has recorded that one, too.
      await untilListed(3, 'a.jpg', [one, two]);
      await save(three, 'c.jpg', 'c');
      await everywhere([one, two, three], 'c.jpg', 'c');
      expect(await one.app.sync.history.list(pathOf('c.jpg'))).toEqual([]);
      await until(async () => {
        const statuses = await Promise.all([one, two, three].map(statusOf));
        return (
          JSON.stringify(statuses.map((status) => status?.history?.unrecorded ?? 'none')) ===
          '[0,0,"none"]'
        );
      });
    },
  );
});

test.skipIf((gateIsMissing ?? annexIsMissing) !== undefined)(
  'from git to git-annex: large files that git has stored stay, beside those in the annex',
  async () => {
    site = await openSite({ environment: { ...environment, SYNCMEDIA_BACKEND: 'git' } });
    const [one, two, three] = threeOf(site);
    await save(one, 'film.mp4', fill('in git'));
    await untilStored(1, 'film.mp4', [one, two, three]);
    await switchTo('git-annex', one, two, three);
    await save(one, 'film.mp4', fill('in the annex'));
    await untilStored(2, 'film.mp4', [one, two, three]);
    const versions = await three.app.sync.history.list(pathOf('film.mp4'));
    for (const [index, text] of [
      [1, 'in git'],
      [0, 'in the annex'],
    ] as const) {
      await three.app.sync.history.restore(pathOf('film.mp4'), versions[index]?.revision ?? '', {
        dryRun: false,
      });
      await everywhere([one, two, three], 'film.mp4', fill(text));
      await untilNothingPending(site);
    }
  },
);
