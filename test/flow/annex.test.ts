import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gateIsMissing } from '../gate/confined.js';
import { until } from '../harness/wait.js';
import { annexIsMissing, makeLarge } from '../transport/git-annex/site.js';
import { dir, openSite, threeOf, untilNothingPending, type Machine, type Site } from './site.js';

const environment = { SYNCMEDIA_BACKEND: 'git-annex', SYNCMEDIA_ANNEX_LARGER_THAN: '1K' };
const films = ['first', 'second', 'third', 'fourth'].map((text) => makeLarge(text).toString());

describe.skipIf(gateIsMissing !== undefined || annexIsMissing !== undefined)(
  'a site with the backend git-annex',
  () => {
    let site: Site;
    let one: Machine, two: Machine, three: Machine;

    /** Saves a large file, and waits until every host of the site has it. */
    const save = async (content: string, path: string): Promise<void> => {
      await one.write(path, content);
      await one.app.Photo.create({ title: content.slice(0, 10), file: path });
      await untilNothingPending(site);
    };
    /** Waits until these hosts have the bytes of so many versions. */
    const untilStored = async (count: number, machines: Machine[], path: string): Promise<void> => {
      for (const { app, name } of machines)
        await until(
          async () => {
            const versions = await app.sync.history.list(path);
            return versions.filter(({ as }) => as === 'stored').length === count;
          },
          { what: `${String(count)} stored versions on ${name}` },
        );
    };
    /** Saves each version once the one before is recorded. */
    const saveEach = async (path: string): Promise<void> => {
      for (const [index, content] of films.entries()) {
        await save(content, path);
        await untilStored(index + 1, [one], path);
      }
    };
    /** Restores each version but the newest, newest first, and waits until it is everywhere. */
    const restoreEach = async (path: string, at: Machine, hosts: Machine[]): Promise<void> => {
      const versions = await at.app.sync.history.list(path);
      for (const [index, content] of [...films].reverse().entries()) {
        if (index === 0) continue;
        const revision = versions[index]?.revision ?? '';
        await at.app.sync.history.restore(path, revision, { dryRun: false });
        await until(
          async () =>
            (await Promise.all(hosts.map((machine) => machine.read(path)))).every(
              (read) => read === content,
            ),
          { what: `the restored version ${String(index)} on every host` },
        );
      }
    };

    beforeAll(async () => {
      site = await openSite({ environment });
      [one, two, three] = threeOf(site);
    });
    afterAll(async () => {
      await site.close();
    });

    test('each version of a large file is restored from a host that did not save it', async () => {
      const path = `${dir}/film.mp4`;
      await saveEach(path);
      await untilStored(4, [one, two, three], path);
      await restoreEach(path, two, [one, two, three]);
    });

    test('forget removes the bytes of a large file from the other hosts too', async () => {
      const path = `${dir}/private.mp4`;
      await two.write(path, makeLarge('private').toString());
      await two.app.Photo.create({ title: 'private', file: path });
      await untilStored(1, [one, two, three], path);
      await three.app.sync.history.forget(path);
      for (const { app } of [one, two, three])
        await until(async () => (await app.sync.history.list(path)).length === 0);
    });

    test('an annex that fails delays no delivery, appears in status and doctor, and catches up', async () => {
      const path = `${dir}/meanwhile.mp4`;
      const annex = join(two.ssh.stateDir, 'annex');
      // The disk of the annex is away, and something else is in its place.
      await rename(annex, `${annex}.away`);
      await writeFile(annex, 'no directory');
      await save(makeLarge('meanwhile').toString(), path);
      expect(await three.read(path)).toBe(makeLarge('meanwhile').toString());
      await until(
        async () => {
          const { hosts } = await three.app.sync.status();
          const unshared = hosts.find(({ hostname }) => hostname === 'one')?.history?.unshared;
          return Object.keys(unshared ?? {}).length > 0;
        },
        { what: 'a status that says what is not shared' },
      );
      expect(await one.app.sync.doctor()).toContainEqual(
        expect.objectContaining({ name: 'history to two', state: 'failed' }),
      );
      await rm(annex);
      await rename(`${annex}.away`, annex);
      await untilStored(1, [one, three, two], path);
    });

    test('each version survives the host that saved it', async () => {
      const path = `${dir}/survivor.mp4`;
      await saveEach(path);
      await untilStored(4, [two, three], path);
      await one.app.close();
      for (const folder of ['annex', 'git'])
        await rm(join(one.ssh.stateDir, folder), { recursive: true });
      await restoreEach(path, three, [two, three]);
    });
  },
);
