import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readlink, rename, rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  dir,
  openSite,
  threeOf,
  untilNothingPending,
  type App,
  type Machine,
  type Site,
} from '../flow/site.js';
import type { FileStatus } from '../../src/api/reports.js';
import { until } from '../harness/wait.js';
import { startWeb, type Got, type Web } from './web.js';

let site: Site, one: Machine, two: Machine, three: Machine;
/** What visitors of each host see. */
let webs: Record<'one' | 'two' | 'three', Web>;

const urlOf = (name: string): string => `/uploads/photos/${encodeURIComponent(name)}`;
/** Short where it is no file: the page that Express makes of a miss says nothing more. */
const answer = ({ status, body }: Got): string =>
  status < 300 ? `${String(status)} ${body.toString()}` : String(status);
const say = (name: string): string => `content of ${name}`;

/** What this process, which is all hosts of the site, has open. */
async function listOpen(): Promise<string[]> {
  const numbers = await readdir('/proc/self/fd');
  return Promise.all(numbers.map((number) => readlink(`/proc/self/fd/${number}`).catch(() => '')));
}

async function upload(
  machine: Machine,
  app: App,
  name: string,
  content = say(name),
): Promise<void> {
  await machine.write(`${dir}/${name}`, content);
  await app.Photo.create({ title: name, file: `${dir}/${name}` });
}

beforeAll(async () => {
  site = await openSite();
  [one, two, three] = threeOf(site);
  const serve = ({ app }: Machine): Promise<Web> =>
    startWeb((web) => {
      web.use('/uploads', app.sync.serve('uploads'));
    });
  webs = { one: await serve(one), two: await serve(two), three: await serve(three) };
});
afterAll(async () => {
  await Promise.all(Object.values(webs).map((web) => web.close()));
  await site.close();
});

describe('at the moment of its acknowledgement an upload is on every host', () => {
  test('for 60 uploads, while all hosts run', async () => {
    const got: string[] = [];
    for (let i = 0; i < 60; i++) {
      await upload(one, one.app, `now-${i}.jpg`);
      got.push(answer(await webs[i % 2 === 0 ? 'two' : 'three'].get(urlOf(`now-${i}.jpg`))));
    }
    expect(got).toEqual(Array.from({ length: 60 }, (_, i) => `200 ${say(`now-${i}.jpg`)}`));
  });

  test('for 60 uploads that a visitor has requested right before, in vain', async () => {
    const before: number[] = [],
      got: string[] = [];
    for (let i = 0; i < 60; i++) {
      const name = `soon-${i}.jpg`;
      before.push((await webs.two.get(urlOf(name))).status);
      await upload(one, one.app, name);
      got.push(answer(await webs.two.get(urlOf(name))));
    }
    expect(new Set(before)).toEqual(new Set([404]));
    expect(got).toEqual(Array.from({ length: 60 }, (_, i) => `200 ${say(`soon-${i}.jpg`)}`));
  });
});

describe('while no process of its host processes the outbox, an upload', () => {
  /** A process of host one that only saves. */
  let app: App;
  /** Every host holds these. */
  const before = [
    'replaced.jpg',
    'unchanged.jpg',
    'deleted.jpg',
    'deleted-and-new.jpg',
    'lost.jpg',
  ] as const;
  beforeAll(async () => {
    for (const name of before) await upload(one, one.app, name);
    await untilNothingPending(site);
    await one.app.close();
    app = await one.startApp({ start: false });
  });

  const statusAt = async (machine: Machine, name: string): Promise<FileStatus | undefined> =>
    (await machine.app.sync.statusOf(`${dir}/${name}`)).files[0];
  /**
   * As saves of a document, as everything else that is captured, and as what `sync.capture` is
   * told.
   */
  const ways: [string, (name: string) => Promise<unknown>][] = [
    ['a save', (name) => app.Photo.create({ title: name, file: `${dir}/${name}` })],
    [
      'insertMany',
      (name) =>
        app.Photo.insertMany([{ title: name, file: `/${dir}/${name}` }, { title: 'another' }]),
    ],
    [
      'bulkSave',
      (name) => app.Photo.bulkSave([new app.Photo({ title: name, file: `${dir}/${name}` })]),
    ],
    [
      'bulkWrite',
      (name) => app.Photo.bulkWrite([{ insertOne: { document: { title: name, file: name } } }]),
    ],
    [
      'an update',
      (name) =>
        app.Photo.updateOne(
          { title: name },
          { file: `https://cdn.example.com/${dir}/${name}` },
          { upsert: true },
        ),
    ],
    [
      'a transaction',
      (name) =>
        app.connection.transaction(async (session) => {
          await app.Photo.create([{ title: name, file: `${dir}/${name}` }], { session });
        }),
    ],
    ['sync.capture', (name) => app.sync.capture([`${dir}/${name}`])],
  ];

  test.each(ways)('by %s is served by every host', async (way, capture) => {
    const name = `${way}.jpg`;
    await one.write(`${dir}/${name}`, say(name));
    await capture(name);
    expect([
      answer(await webs.two.get(urlOf(name))),
      answer(await webs.three.get(urlOf(name))),
    ]).toEqual(Array(2).fill(`200 ${say(name)}`));
  });

  test('is served 60 times of 60, and is placed on no other host', async () => {
    const got: string[] = [];
    for (let i = 0; i < 60; i++) {
      await upload(one, app, `held-${i}.jpg`);
      got.push(answer(await webs[i % 2 === 0 ? 'two' : 'three'].get(urlOf(`held-${i}.jpg`))));
    }
    expect(got).toEqual(Array.from({ length: 60 }, (_, i) => `200 ${say(`held-${i}.jpg`)}`));
    expect(
      Object.keys({ ...(await two.tree()), ...(await three.tree()) }).filter((path) =>
        path.includes('held-'),
      ),
    ).toEqual([]);
    await until(async () => (await two.listArea('tmp')).length === 0);
  });

  test('is served for HEAD, ranges and conditional requests, from a mount of its own directory, and under any name', async () => {
    const content = randomBytes(700_000);
    await one.write(`${dir}/sub dir/ß 100%.bin`, content);
    await app.Photo.create({ title: 'a name', file: `${dir}/sub dir/ß 100%.bin` });
    const web = await startWeb((its) => {
      its.use('/media', two.app.sync.serve(`${dir}/sub dir`));
    });
    const url = `/media/${encodeURIComponent('ß 100%.bin')}`;
    try {
      const head = await web.get(url, { method: 'HEAD' });
      expect([head.status, head.headers['content-length'], head.body.length]).toEqual([
        200,
        '700000',
        0,
      ]);
      const part = await web.get(url, { headers: { Range: 'bytes=500000-500009' } });
      expect([part.status, part.body.equals(content.subarray(500_000, 500_010))]).toEqual([
        206,
        true,
      ]);
      expect((await web.get(url)).body.equals(content)).toBe(true);
      expect((await web.get(url, { headers: { 'If-None-Match': '*' } })).status).toBe(304);
    } finally {
      await web.close();
    }
  });

  test('is passed on to all who ask for it meanwhile by one transfer', async () => {
    const content = randomBytes(48 * 1024 * 1024);
    await one.write(`${dir}/large.bin`, content);
    await app.Photo.create({ title: 'large', file: `${dir}/large.bin` });
    const fetched: { path: string; placed: boolean }[] = [];
    const stop = two.app.sync.on('fetched', ({ path, placed }) => {
      fetched.push({ path, placed });
    });
    let frozen: Promise<void> | undefined;
    const first = webs.two.get(urlOf('large.bin'), {
      onData: () => {
        frozen ??= one.ssh.freeze();
      },
    });
    await until(() => frozen !== undefined);
    await frozen;
    const begun = new Set<number>();
    const others = Array.from({ length: 5 }, (_, i) =>
      webs.two.get(urlOf('large.bin'), {
        onData: () => {
          begun.add(i);
        },
      }),
    );
    await until(() => begun.size === others.length);
    await one.ssh.thaw();
    const got = await Promise.all([first, ...others]);
    await until(() => fetched.length > 0);
    stop();
    expect(
      got.filter(({ status, broken, body }) => status === 200 && !broken && body.equals(content)),
    ).toHaveLength(6);
    expect(fetched).toEqual([{ path: `${dir}/large.bin`, placed: false }]);
  });

  test('that its visitors break off is not read to its end', async () => {
    await one.write(`${dir}/film.bin`, randomBytes(24 * 1024 * 1024));
    await app.Photo.create({ title: 'film', file: `${dir}/film.bin` });
    const told: string[] = [];
    const stops = [
      two.app.sync.on('fetched', () => {
        told.push('fetched');
      }),
      two.app.sync.on('fetchFailed', () => {
        told.push('fetchFailed');
      }),
    ];
    const response = await fetch(`${webs.two.url}${urlOf('film.bin')}`);
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    // The transfer has ended: the next visitor begins another one, which is told.
    await until(async () => (await listOpen()).every((file) => !file.includes('/.syncmedia/tmp/')));
    expect(told).toEqual([]);
    const again = await webs.two.get(urlOf('film.bin'));
    expect([again.status, again.body.length]).toEqual([200, 24 * 1024 * 1024]);
    await until(() => told.length > 0);
    stops.forEach((stop) => {
      stop();
    });
    expect(told).toEqual(['fetched']);
  });

  test('is shown by statusOf and the router with the host that has it, and waitFor names its reason to wait', async () => {
    await one.write(`${dir}/told.jpg`, 'x');
    const photo = await app.Photo.create({ title: 'told', file: `${dir}/told.jpg` });
    const there = (await two.app.Photo.findById(photo._id)) ?? photo;
    const expected = [
      {
        path: `${dir}/told.jpg`,
        captured: true,
        pendingCaptures: [{ hostname: 'one' }],
        heldBy: [],
        pending: [],
      },
    ];
    expect((await two.app.sync.statusOf(there)).files).toMatchObject(expected);
    expect((await two.app.sync.statusOf(`${dir}/told.jpg`)).files).toMatchObject(expected);
    expect((await two.app.sync.showDocument('Photo', String(photo._id))).files).toMatchObject(
      expected,
    );
    for (const named of [there, `${dir}/told.jpg`]) {
      await expect(two.app.sync.waitFor(named, { timeout: 100 })).rejects.toThrow(
        /held by no host.*captured on one, where it waits to be processed/,
      );
    }
  });

  test('over a file that every host held is served by hosts without a copy; the others do not claim to be up to date', async () => {
    const name = 'replaced.jpg';
    await one.write(`${dir}/${name}`, 'replaced');
    const photo = await app.Photo.findOne({ title: name });
    photo?.markModified('title');
    await photo?.save();
    await rm(two.path(`${dir}/${name}`));
    expect(answer(await webs.two.get(urlOf(name)))).toBe('200 replaced');
    // A host serves files of its own disk without a question to others.
    expect(answer(await webs.three.get(urlOf(name)))).toBe(`200 ${say(name)}`);
    expect((await statusAt(three, name))?.pendingCaptures).toMatchObject([{ hostname: 'one' }]);
    await expect(three.app.sync.waitFor(`${dir}/${name}`, { timeout: 100 })).rejects.toThrow(
      /captured on one/,
    );
  });

  test('whose bytes were not changed is held by the hosts that have it', async () => {
    const name = 'unchanged.jpg';
    await app.Photo.updateOne({ title: name }, { file: `${dir}/${name}`, thumbnail: 'none.jpg' });
    await rm(two.path(`${dir}/${name}`));
    await one.ssh.stop({ hard: true });
    expect(answer(await webs.two.get(urlOf(name)))).toBe(`200 ${say(name)}`);
    await one.ssh.start();
    // Held, so it was placed.
    await until(async () => (await two.read(`${dir}/${name}`)) === say(name));
  });

  test('at a deleted path is served, whatever its date: the save that names it outranks the delete', async () => {
    const ledger = site.database.connection.collection<{ _id: string }>('syncmedia_ledger');
    const names = ['deleted.jpg', 'deleted-and-new.jpg'] as const;
    for (const _id of names.map((name) => `${dir}/${name}`)) {
      const entry = (await ledger.findOne({ _id })) as unknown as {
        version: string;
        info: object;
      };
      await ledger.updateOne(
        { _id },
        {
          $set: {
            kind: 'tombstone',
            version: `deleted ${_id}`,
            superseded: [{ ...entry.info, version: entry.version, conflicting: false }],
          },
          $unset: { info: '' },
        },
      );
      await rm(two.path(_id));
      await app.Photo.updateOne({ title: _id.slice(dir.length + 1) }, { file: _id });
    }
    expect(answer(await webs.two.get(urlOf(names[0])))).toBe(`200 ${say(names[0])}`);
    await one.write(`${dir}/${names[1]}`, 'uploaded anew');
    expect(answer(await webs.two.get(urlOf(names[1])))).toBe('200 uploaded anew');
  });

  test('of one path on two hosts is served by the third, with either host', async () => {
    await three.app.close();
    const other = await three.startApp({ start: false });
    await upload(one, app, 'both.jpg', 'by one');
    await upload(three, other, 'both.jpg', 'by three');
    expect(answer(await webs.two.get(urlOf('both.jpg')))).toBe('200 by three');
    await three.ssh.stop({ hard: true });
    expect(answer(await webs.two.get(urlOf('both.jpg')))).toBe('200 by one');
    await three.ssh.start();
    three.app = await three.startApp();
  });

  test('is a 404 once its file is gone there, and is served at once when it is back', async () => {
    await upload(one, app, 'gone.jpg');
    await rm(one.path(`${dir}/gone.jpg`));
    const got: string[] = [];
    for (let i = 0; i < 20; i++) {
      got.push(answer(await webs.two.get(urlOf('gone.jpg'))));
      await one.write(`${dir}/gone.jpg`, 'back');
      got.push(answer(await webs.two.get(urlOf('gone.jpg'))));
      await rm(one.path(`${dir}/gone.jpg`));
    }
    expect(got).toEqual(Array(20).fill(['404', '200 back']).flat());
  });

  test('on a host that cannot be reached, or whose sync dir is not mounted, is a 503 until it is back', async () => {
    await upload(one, app, 'away.jpg');
    await one.ssh.stop({ hard: true });
    expect((await webs.two.get(urlOf('away.jpg'))).status).toBe(503);
    await one.ssh.start();
    await until(
      async () => answer(await webs.two.get(urlOf('away.jpg'))) === `200 ${say('away.jpg')}`,
    );
    await rename(one.path(dir), one.path('elsewhere'));
    await mkdir(one.path(dir));
    expect((await webs.two.get(urlOf('away.jpg'))).status).toBe(503);
    await rm(one.path(dir), { recursive: true });
    await rename(one.path('elsewhere'), one.path(dir));
    await until(
      async () => answer(await webs.two.get(urlOf('away.jpg'))) === `200 ${say('away.jpg')}`,
    );
  });

  test('of a path that was missing everywhere a moment ago is served at once', async () => {
    const ledger = site.database.connection.collection<{ _id: string }>('syncmedia_ledger');
    const name = 'lost.jpg';
    await Promise.all([one, two, three].map((machine) => rm(machine.path(`${dir}/${name}`))));
    expect((await webs.two.get(urlOf(name))).status).toBe(503);
    await upload(one, app, name, 'uploaded anew');
    expect(answer(await webs.two.get(urlOf(name)))).toBe('200 uploaded anew');
    expect(await ledger.countDocuments({ _id: `${dir}/${name}` })).toBe(1);
  });

  test('becomes a version of its host, and of no other, once that processes its outbox', async () => {
    one.app = await one.startApp();
    await untilNothingPending(site, 60_000);
    const ledger = site.database.connection.collection<{
      _id: string;
      origin: string;
      capturedBy: string;
      superseded: unknown[];
    }>('syncmedia_ledger');
    const { id } = await one.app.sync.hosts.show('one');
    const entries = await ledger.find({ _id: { $regex: 'held-|large|film' } }).toArray();
    expect(entries).toHaveLength(62);
    expect(
      entries.filter(({ capturedBy, superseded }) => capturedBy !== id || superseded.length > 0),
    ).toEqual([]);
    const name = `${dir}/held-7.jpg`;
    expect([(await two.tree())[name], (await three.tree())[name]]).toEqual(
      Array(2).fill((await one.tree())[name]),
    );
    expect((await two.app.sync.statusOf(name)).files[0]).not.toHaveProperty('pendingCaptures');
    expect((await two.listArea('conflicts')).filter((kept) => kept !== 'both.jpg')).toEqual([]);
  });
});

test('a host that is being closed does not call a file missing that other hosts have', async () => {
  const closing = await two.startApp({ start: false });
  const web = await startWeb((its) => {
    its.use('/uploads', closing.sync.serve('uploads'));
  });
  await one.write(`${dir}/late.jpg`, 'x');
  await one.app.sync.hosts.edit('two', { status: 'paused' });
  await until(async () => (await two.app.sync.hosts.show('two')).status === 'paused');
  await closing.sync.close();
  await one.app.Photo.create({ title: 'late', file: `${dir}/late.jpg` });
  expect((await web.get(urlOf('late.jpg'))).status).toBe(503);
  await web.close();
});

test('a host whose own list leaves the sync dir out serves nothing of it, and the others do', async () => {
  const pair = await openSite({
    hosts: ['keeps', 'leaves'],
    plugin: { syncDirs: [dir, 'uploads/other'] },
    registration: (name) => (name === 'leaves' ? { syncDirs: ['uploads/other'] } : {}),
  });
  const [keeps, leaves] = pair.machines as [Machine, Machine];
  const web = await startWeb((its) => {
    its.use('/uploads', leaves.app.sync.serve('uploads'));
  });
  try {
    await upload(keeps, keeps.app, 'private.jpg');
    await keeps.write('uploads/other/shared.jpg', 'shared');
    await keeps.app.Photo.create({ title: 'shared', file: 'uploads/other/shared.jpg' });
    expect([
      answer(await web.get(urlOf('private.jpg'))),
      answer(await web.get('/uploads/other/shared.jpg')),
    ]).toEqual(['404', '200 shared']);
  } finally {
    await web.close();
    await pair.close();
  }
});

test('no save waits for captures that a retired host left in the outbox', async () => {
  const pair = await openSite({ hosts: ['stays', 'goes'] });
  const [stays, goes] = pair.machines as [Machine, Machine];
  const web = await startWeb((its) => {
    its.use('/uploads', stays.app.sync.serve('uploads'));
  });
  try {
    await goes.app.close();
    const app = await goes.startApp({ start: false });
    await upload(goes, app, 'left.jpg');
    expect(answer(await web.get(urlOf('left.jpg')))).toBe(`200 ${say('left.jpg')}`);
    await stays.app.sync.hosts.unregister('goes');
    expect((await stays.app.sync.statusOf(`${dir}/left.jpg`)).files).toEqual([
      { path: `${dir}/left.jpg`, captured: false, heldBy: [], pending: [] },
    ]);
    await expect(stays.app.sync.waitFor(`${dir}/left.jpg`, { timeout: 50 })).rejects.toThrow(
      /not captured yet/,
    );
    await until(async () => (await web.get(urlOf('left.jpg'))).status === 404);
  } finally {
    await web.close();
    await pair.close();
  }
});
