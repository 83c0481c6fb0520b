import { chmod, readdir, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRsyncBackend } from '../../src/transport/rsync/rsync-backend.js';
import { gateIsMissing } from '../gate/confined.js';
import { otherGroups, ownGroup, share } from '../harness/groups.js';
import {
  makeOrdinaryUser,
  ordinaryUserIsMissing,
  type TestUser,
} from '../harness/ordinary-user.js';
import { until } from '../harness/wait.js';
import { changeOf, makeSite, never, photos, put, results, type Site } from './site.js';

const dir = photos.path;
const isRoot = process.getuid?.() === 0;
const [web, press] = otherGroups(2);
const userIsMissing = isRoot ? await ordinaryUserIsMissing() : undefined;
if (web === undefined)
  console.warn('SKIPPED, everything about groups: this user belongs to no group but its own');
if (userIsMissing !== undefined)
  console.warn(`SKIPPED, an ordinary user on the other host: ${userIsMissing}`);

type Login = 'the same user' | 'an ordinary user';
const logins: Login[] =
  isRoot && userIsMissing === undefined ? ['the same user', 'an ordinary user'] : ['the same user'];
const ways = logins.flatMap((login) =>
  [0, 1024 * 1024].flatMap((smallFileLimit) =>
    [false, ...(gateIsMissing === undefined ? [true] : [])].map((confined) => ({
      login,
      smallFileLimit,
      confined,
      by: smallFileLimit === 0 ? 'rsync' : 'SFTP',
      key: confined ? 'confined' : 'not confined',
    })),
  ),
);

describe.skipIf(web === undefined).each(ways)(
  'sent by $by to $login, $key',
  ({ login, smallFileLimit, confined }) => {
    let site: Site, user: TestUser | undefined;
    beforeEach(async () => {
      user = login === 'an ordinary user' ? await makeOrdinaryUser() : undefined;
      site = await makeSite(createRsyncBackend, {
        there: user ? { user } : {},
        backend: { smallFileLimit, chmod: 'F640' },
        confined,
      });
      await user?.own(site.rootThere);
      await user?.own(site.there.stateDir);
    });
    afterEach(async () => {
      await site.close();
      await user?.remove();
    });

    const there = (name: string): string => join(site.rootThere, dir, name);
    const groupOf = async (name: string): Promise<number> => (await stat(there(name))).gid;
    const modeOf = async (name: string): Promise<number> => (await stat(there(name))).mode & 0o7777;
    const own = (): number => user?.gid ?? ownGroup;

    async function send(...names: string[]): Promise<void> {
      for (const name of names) await put(site.here, `${dir}/${name}`, name);
      const changes = await Promise.all(names.map((name) => changeOf(site.here, `${dir}/${name}`)));
      const expected = Object.fromEntries(names.map((name) => [`${dir}/${name}`, 'delivered']));
      expect(await results(site.backend.send(site.host, changes, never))).toEqual(expected);
    }

    test('a file belongs to the group of its setgid directory, as do directories that are made there', async () => {
      await share(there(''), web ?? 0);
      await send('a.jpg', 'new/deep/b.jpg');
      expect([
        await groupOf('a.jpg'),
        await groupOf('new'),
        await groupOf('new/deep'),
        await groupOf('new/deep/b.jpg'),
      ]).toEqual([web, web, web, web]);
      expect([
        await modeOf('a.jpg'),
        await modeOf('new'),
        await modeOf('new/deep'),
        await modeOf('new/deep/b.jpg'),
      ]).toEqual([0o640, 0o2755, 0o2755, 0o640]);
    });

    test.skipIf(press === undefined)(
      'directories of several groups each give theirs, one without the bit none',
      async () => {
        await share(there(''), web ?? 0);
        await share(there('press'), press ?? 0);
        await share(there('press/open'), web ?? 0);
        await share(there('plain'), own());
        await chmod(there('plain'), 0o755);
        const names = [
          'a.jpg',
          'press/b.jpg',
          'press/new/c.jpg',
          'press/open/d.jpg',
          'plain/e.jpg',
          'plain/new/f.jpg',
        ];
        const expected = [web, press, press, web, own(), own()];
        await send(...names);
        expect(await Promise.all(names.map(groupOf))).toEqual(expected);
        // What replaces them, too.
        for (const name of names) await put(site.here, `${dir}/${name}`, `${name} again`);
        expect(
          Object.values(
            await results(
              site.backend.send(
                site.host,
                await Promise.all(names.map((name) => changeOf(site.here, `${dir}/${name}`))),
                never,
              ),
            ),
          ),
        ).toEqual(names.map(() => 'delivered'));
        expect(await Promise.all(names.map(groupOf))).toEqual(expected);
        expect(await Promise.all(names.map(modeOf))).toEqual(names.map(() => 0o640));
        expect(
          (await readdir(there(''), { recursive: true })).filter((name) =>
            name.includes('.syncmedia-'),
          ),
        ).toEqual([]);
      },
    );
  },
);

describe.skipIf(web === undefined)(
  'a directory that is given to another group while the connection is open',
  () => {
    test.each([
      ['rsync', 0],
      ['SFTP', 1024 * 1024],
    ])('gives it to files that are sent by %s from then on', async (_by, smallFileLimit) => {
      const site = await makeSite(createRsyncBackend, { backend: { smallFileLimit } });
      try {
        const album = join(site.rootThere, dir, 'album');
        const send = async (name: string): Promise<number> => {
          await put(site.here, `${dir}/album/${name}`, name);
          const change = await changeOf(site.here, `${dir}/album/${name}`);
          expect(await results(site.backend.send(site.host, [change], never))).toEqual({
            [change.path]: 'delivered',
          });
          return (await stat(join(album, name))).gid;
        };
        expect(await send('a.jpg')).toBe(ownGroup);
        await share(album, web ?? 0);
        // An earlier look counts for a moment.
        let tries = 0;
        await until(async () => (await send(`${String(tries++)}.jpg`)) === web, {
          timeout: 20_000,
        });
      } finally {
        await site.close();
      }
    });
  },
);

test.skipIf(web === undefined)(
  'a folder of the tmp area that was cleaned away is made again',
  async () => {
    const site = await makeSite(createRsyncBackend);
    try {
      const tmp = join(site.rootThere, dir, '.syncmedia/tmp');
      await share(join(site.rootThere, dir), web ?? 0);
      for (const name of ['a.jpg', 'b.jpg']) {
        await put(site.here, `${dir}/${name}`, name);
        const change = await changeOf(site.here, `${dir}/${name}`);
        expect(await results(site.backend.send(site.host, [change], never))).toEqual({
          [change.path]: 'delivered',
        });
        expect((await stat(join(site.rootThere, change.path))).gid).toBe(web);
        expect(await readdir(tmp, { recursive: true })).toEqual([`group-${String(web)}`]);
        await rmdir(join(tmp, `group-${String(web)}`));
      }
    } finally {
      await site.close();
    }
  },
);

describe.skipIf(web === undefined)('fetched', () => {
  let site: Site;
  beforeEach(async () => {
    site = await makeSite(createRsyncBackend, { backend: { chmod: 'F640' } });
  });
  afterEach(() => site.close());

  test('a file belongs to the group of its setgid directory here', async () => {
    const here = (name: string): string => join(site.here, dir, name);
    await share(here('album'), web ?? 0);
    const names = ['a.jpg', 'album/b.jpg', 'album/new/c.jpg'].map((name) => `${dir}/${name}`);
    for (const name of names) await put(site.rootThere, name, name);
    const changes = await Promise.all(names.map((name) => changeOf(site.rootThere, name)));
    expect(Object.values(await results(site.backend.fetch(site.host, changes, never)))).toEqual([
      'delivered',
      'delivered',
      'delivered',
    ]);
    expect(
      await Promise.all(names.map(async (name) => (await stat(join(site.here, name))).gid)),
    ).toEqual([ownGroup, web, web]);
    expect((await stat(here('album/new'))).mode & 0o7777).toBe(0o2755);
  });
});
