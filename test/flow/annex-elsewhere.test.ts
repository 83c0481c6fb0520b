import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { gateIsMissing } from '../gate/confined.js';
import { until } from '../harness/wait.js';
import { annexIsMissing, makeLarge } from '../transport/git-annex/site.js';
import { readAll, sha256 } from '../transport/git/site.js';
import { dir, openSite, threeOf, untilNothingPending, type Machine, type Site } from './site.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** Only `one`, which saves them, keeps the earlier versions of large files. */
const environment = {
  SYNCMEDIA_BACKEND: 'git-annex',
  SYNCMEDIA_ANNEX_LARGER_THAN: '1K',
  SYNCMEDIA_ANNEX_ON: 'one',
};
const film = `${dir}/film.mp4`;
const films = ['first', 'second'].map((text) => makeLarge(text).toString());

describe.skipIf(gateIsMissing !== undefined || annexIsMissing !== undefined)(
  'a version of a large file that only another host keeps',
  () => {
    let site: Site;
    let one: Machine, two: Machine, three: Machine;
    /** Between the two versions. */
    let then: Date;

    const list = ({ app }: Machine) => app.sync.history.list(film);
    const findFirst = async (machine: Machine) => {
      const first = (await list(machine)).at(-1);
      if (!first) throw new Error('the history has no version');
      return first;
    };
    const isEverywhere = (content: string): Promise<unknown> =>
      until(
        async () =>
          (await Promise.all([one, two, three].map((machine) => machine.read(film)))).every(
            (read) => read === content,
          ),
        { timeout: 60_000 },
      );
    /** Its copies in the trash would do as well. */
    const removeTrash = async (): Promise<void> => {
      for (const { path } of [one, two, three])
        await rm(path(`${dir}/.syncmedia/trash`), { recursive: true, force: true });
    };

    beforeAll(async () => {
      site = await openSite({ environment });
      [one, two, three] = threeOf(site);
      for (const [index, content] of films.entries()) {
        await one.write(film, content);
        await one.app.Photo.create({ title: content.slice(0, 10), file: film });
        await untilNothingPending(site);
        for (const machine of [one, two, three])
          await until(async () => (await list(machine)).length === index + 1, { timeout: 60_000 });
        then ??= new Date();
        await until(() => Date.now() > then.getTime() + 5);
      }
      await removeTrash();
    });
    afterAll(() => site.close());

    test('is not restored while that host is down: the error names each host that was asked', async () => {
      await one.ssh.stop({ hard: true });
      const { revision } = await findFirst(three);
      await expect(
        three.app.sync.history.restore(film, revision, { dryRun: false }),
      ).rejects.toMatchObject({
        code: 'HOST_UNREACHABLE',
        message: expect.stringMatching(/one: .*two: it has no copy|two: .*; one: /s) as string,
      });
      expect(await three.read(film)).toBe(films[1]);
      await one.ssh.start();
    });

    test('is listed as such, and read from there', async () => {
      expect(await findFirst(one)).toMatchObject({ as: 'stored' });
      const version = await findFirst(two);
      expect(version).toMatchObject({ as: 'named', elsewhere: true });
      const bytes = await two.app.sync.history.read(film, version.revision);
      expect((await readAll(bytes)).toString()).toBe(films[0]);
      expect(await findFirst(two)).toMatchObject({ as: 'stored' });
    });

    test('is restored with its sync dir', async () => {
      const { sync } = three.app;
      const restore = async (dryRun: boolean) =>
        sync.runs.follow((await sync.history.restoreDir(dir, then.toISOString(), { dryRun })).id);
      expect(await restore(true)).toMatchObject({ state: 'done', filesFound: 1 });
      expect(await findFirst(three)).toMatchObject({ as: 'named' });
      // A host that was slow to fail is left alone for some seconds.
      await until(async () => (await restore(false)).state === 'done', { timeout: 60_000 });
      await isEverywhere(films[0] ?? '');
    });

    test('is restored on its own, on all hosts', async () => {
      await untilNothingPending(site);
      await removeTrash();
      const second = (await list(three)).find(
        ({ info }) => info?.sha256 === sha256(films[1] ?? ''),
      );
      const revision = second?.revision ?? '';
      const { history } = three.app.sync;
      expect(await history.restore(film, revision)).toMatchObject({ from: 'another host' });
      // A host that was slow to fail is left alone for some seconds.
      await until(
        () =>
          history.restore(film, revision, { dryRun: false }).then(
            () => true,
            () => false,
          ),
        { timeout: 60_000 },
      );
      await isEverywhere(films[1] ?? '');
    });
  },
);
