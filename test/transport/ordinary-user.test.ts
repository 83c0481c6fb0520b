import { chmod, mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRsyncBackend } from '../../src/transport/rsync/rsync-backend.js';
import { gateIsMissing } from '../gate/confined.js';
import {
  makeOrdinaryUser,
  ordinaryUserIsMissing,
  type TestUser,
} from '../harness/ordinary-user.js';
import {
  changeOf,
  differences,
  makeSite,
  never,
  photos,
  put,
  removalOf,
  results,
  type Site,
} from './site.js';

const dir = photos.path;
const missing = await ordinaryUserIsMissing();
if (missing !== undefined) console.warn(`SKIPPED, an ordinary user on the other host: ${missing}`);

describe.skipIf(missing !== undefined).each([
  ['rsync alone', 0, false],
  ['small files by SFTP', 1024 * 1024, false],
  ...(gateIsMissing === undefined
    ? ([
        ['rsync alone, confined', 0, true],
        ['small files by SFTP, confined', 1024 * 1024, true],
      ] as const)
    : []),
] as const)('an ordinary user on the other host, %s', (_name, smallFileLimit, confined) => {
  let user: TestUser;
  let site: Site;
  beforeEach(async () => {
    user = await makeOrdinaryUser();
    site = await makeSite(createRsyncBackend, {
      there: { user },
      backend: { smallFileLimit },
      confined,
    });
    await user.own(site.rootThere);
    await user.own(site.there.stateDir);
  });
  afterEach(async () => {
    await site.close();
    await user.remove();
  });

  test('files go both ways and belong to that user', async () => {
    await put(site.here, `${dir}/a/b.jpg`, 'b');
    await put(site.rootThere, `${dir}/c.jpg`, 'c');
    expect(
      await results(
        site.backend.send(site.host, [await changeOf(site.here, `${dir}/a/b.jpg`)], never),
      ),
    ).toEqual({ [`${dir}/a/b.jpg`]: 'delivered' });
    expect(
      await results(
        site.backend.fetch(site.host, [await changeOf(site.rootThere, `${dir}/c.jpg`)], never),
      ),
    ).toEqual({ [`${dir}/c.jpg`]: 'delivered' });
    const { uid, mode } = await stat(join(site.rootThere, dir, 'a/b.jpg'));
    expect([uid, mode & 0o777]).toEqual([user.uid, 0o644]);
    expect(await differences(site.backend.compare(site.host, photos, 'bytes', never))).toEqual({});
  });

  test('where that user may not write, the path alone fails', async () => {
    await mkdir(join(site.rootThere, dir, 'closed'));
    await put(site.rootThere, `${dir}/closed/old.jpg`, 'old');
    await user.own(site.rootThere);
    await chmod(join(site.rootThere, dir, 'closed'), 0o555);
    for (const name of ['closed/new.jpg', 'closed/old.jpg', 'open.jpg', 'closed/deeper/new.jpg'])
      await put(site.here, `${dir}/${name}`, 'mine');
    const changes = await Promise.all(
      ['closed/new.jpg', 'closed/old.jpg', 'open.jpg', 'closed/deeper/new.jpg'].map((name) =>
        changeOf(site.here, `${dir}/${name}`),
      ),
    );
    const outcomes = await results(site.backend.send(site.host, changes, never));
    expect(outcomes[`${dir}/open.jpg`]).toBe('delivered');
    for (const name of ['closed/new.jpg', 'closed/old.jpg', 'closed/deeper/new.jpg'])
      expect(outcomes[`${dir}/${name}`]).toBe('failed: PERMISSION_DENIED of path');
    expect(
      await results(site.backend.send(site.host, [removalOf(`${dir}/closed/old.jpg`)], never)),
    ).toEqual({ [`${dir}/closed/old.jpg`]: 'failed: PERMISSION_DENIED of path' });
    expect(await readFile(join(site.rootThere, dir, 'closed/old.jpg'), 'utf8')).toBe('old');
    const own = join(site.rootThere, dir, '.syncmedia');
    expect([
      ...(await readdir(join(own, 'tmp'))),
      ...(await readdir(join(own, 'conflicts'))),
    ]).toEqual([]);
  });

  test('a file that this user may not read cannot be fetched, and delays none', async () => {
    await put(site.rootThere, `${dir}/secret.jpg`, 'secret');
    await put(site.rootThere, `${dir}/good.jpg`, 'good');
    await chmod(join(site.rootThere, dir, 'secret.jpg'), 0);
    const changes = await Promise.all(
      ['secret.jpg', 'good.jpg'].map((name) => changeOf(site.rootThere, `${dir}/${name}`)),
    );
    expect(await results(site.backend.fetch(site.host, changes, never))).toEqual({
      [`${dir}/secret.jpg`]: 'failed: PERMISSION_DENIED of path',
      [`${dir}/good.jpg`]: 'delivered',
    });
  });
});
