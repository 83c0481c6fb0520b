import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, symlink } from 'node:fs/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { dir, openSite, threeOf, type App, type Machine, type Site } from '../flow/site.js';
import { until } from '../harness/wait.js';
import { sha256Of, startWeb, type Web } from './web.js';

const megabytes = (count: number): Buffer => randomBytes(count * 1024 * 1024);

let site: Site, one: Machine, two: Machine, three: Machine;
let web: Web;
let fetched: { path: string; host: string }[];

/** Nothing is delivered to two: it has to fetch missing files. */
async function holdBack(): Promise<void> {
  await one.app.sync.hosts.edit('two', { status: 'paused' });
  await until(async () => (await two.app.sync.hosts.show('two')).status === 'paused');
  // The running delivery queues have heard of it.
  await one.app.sync.status();
  await three.app.sync.status();
}

async function save(machine: Machine, name: string, content: string | Buffer): Promise<string> {
  const file = `${dir}/${name}`;
  await machine.write(file, content);
  await machine.app.Photo.create({ title: name, file });
  await until(async () => (await machine.app.sync.statusOf(file)).files[0]?.version);
  return `/uploads/photos/${encodeURIComponent(name)}`;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
/** The bytes in use: garbage is as large as V8 likes. */
function heapInUse(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

const partials = async (machine: Machine): Promise<string[]> => machine.listArea('tmp');
const holders = async (name: string): Promise<string[]> =>
  (await one.app.sync.statusOf(`${dir}/${name}`)).files[0]?.heldBy
    .map(({ hostname }) => hostname)
    .sort() ?? [];

let unwatch = (): void => undefined;
function watch(app: App): void {
  unwatch();
  const seen: typeof fetched = (fetched = []);
  unwatch = app.sync.on('fetched', ({ path, host }) => {
    seen.push({ path, host });
  });
}

describe('a file that is missing here', () => {
  beforeAll(async () => {
    site = await openSite({ plugin: { exclude: ['*.tmp', 'private/'] } });
    [one, two, three] = threeOf(site);
    await holdBack();
    web = await startWeb((app) => {
      app.use('/uploads', two.app.sync.serve('uploads'));
    });
  });
  afterAll(async () => {
    await web.close();
    await site.close();
  });
  beforeEach(() => {
    watch(two.app);
  });

  test('is fetched once for two hundred visitors who ask at the same time, and served from this disk afterwards', async () => {
    const content = megabytes(2);
    const url = await save(one, 'large.bin', content);
    expect(await two.read(`${dir}/large.bin`)).toBeUndefined();
    const got = await Promise.all(Array.from({ length: 200 }, () => web.get(url)));
    expect(got.filter(({ status, broken }) => status === 200 && !broken)).toHaveLength(200);
    const expected = sha256Of(content);
    expect(got.filter(({ body }) => !body.equals(content))).toEqual([]);
    await until(() => fetched.length > 0);
    expect(fetched).toHaveLength(1);
    await until(async () => (await holders('large.bin')).includes('two'));
    expect((await two.tree())[`${dir}/large.bin`]).toBe(expected);
    expect(await partials(two)).toEqual([]);
    expect(await two.listArea('replaced')).toEqual([]);
    const again = await web.get(url);
    expect(sha256Of(again.body)).toBe(expected);
    expect(fetched).toHaveLength(1);
  });

  test('answers ranges, HEAD and conditional requests as from this disk, with the same tag on every host', async () => {
    const content = megabytes(3);
    const url = await save(one, 'ranges.bin', content);
    const other = await startWeb((app) => {
      app.use('/uploads', one.app.sync.serve('uploads'));
    });
    const [head, middle, end] = await Promise.all([
      web.get(url, { method: 'HEAD' }),
      web.get(url, { headers: { Range: 'bytes=1000-1999' } }),
      web.get(url, { headers: { Range: 'bytes=-10' } }),
    ]);
    // A file that is large and new has its tag a moment after the first request.
    const there = await until(
      async () => {
        const got = await other.get(url, { method: 'HEAD' });
        return got.headers.etag === undefined ? undefined : got;
      },
      { timeout: 20_000 },
    );
    await other.close();
    expect(middle.status).toBe(206);
    expect(middle.headers['content-range']).toBe(`bytes 1000-1999/${content.length}`);
    expect(middle.body.equals(content.subarray(1000, 2000))).toBe(true);
    expect(end.body.equals(content.subarray(-10))).toBe(true);
    expect(head.headers['content-length']).toBe(String(content.length));
    const tag = `"${createHash('sha256').update(content).digest('base64url')}"`;
    expect([head.headers.etag, middle.headers.etag, end.headers.etag, there.headers.etag]).toEqual([
      tag,
      tag,
      tag,
      tag,
    ]);
    expect(head.headers['last-modified']).toBe(there.headers['last-modified']);
    await until(async () => (await holders('ranges.bin')).includes('two'));
    expect(fetched).toHaveLength(1);
    await until(
      async () => (await web.get(url, { headers: { 'If-None-Match': tag } })).status === 304,
      { timeout: 20_000 },
    );
    expect((await web.get(url, { headers: { 'If-Match': tag } })).status).toBe(200);
    expect((await web.get(url, { headers: { Range: `bytes=${content.length}-` } })).status).toBe(
      416,
    );
    expect((await web.get(url, { headers: { 'If-Match': '"other"' } })).status).toBe(412);
  });

  test.each([
    'with spaces & \'quotes" .jpg',
    'emoji 🐈‍⬛.jpg',
    '#hash %41.jpg',
    'new\nline.jpg',
    'empty.jpg',
  ])('may be called %j', async (name) => {
    const content = name === 'empty.jpg' ? '' : `content of ${name}`;
    const { status, body } = await web.get(await save(one, name, content));
    expect([status, body.toString()]).toEqual([200, content]);
    await until(async () => (await two.read(`${dir}/${name}`)) === content);
  });

  test('is fetched by a process of this host that does not hold the lease, too', async () => {
    const second = await two.startApp();
    const url = await save(three, 'second.jpg', 'by the second process');
    watch(second);
    const its = await startWeb((app) => {
      app.use('/uploads', second.sync.serve('uploads'));
    });
    const { status, body } = await its.get(url);
    await its.close();
    expect([status, body.toString()]).toEqual([200, 'by the second process']);
    await until(() => fetched.length === 1);
    await second.close();
  });

  test('is not fetched where it is excluded, unsafe, a dotfile, of our own folder, or outside the sync dirs', async () => {
    await one.write(`${dir}/upload.tmp`, 'x');
    await one.write(`${dir}/private/key.pem`, 'x');
    await two.write(`${dir}/here.tmp`, 'x');
    await two.write(`${dir}/.hidden`, 'x');
    await two.write('uploads/elsewhere.txt', 'x');
    await two.write('secret.txt', 'x');
    for (const url of [
      '/uploads/photos/upload.tmp',
      '/uploads/photos/private/key.pem',
      '/uploads/photos/here.tmp',
      '/uploads/photos/.hidden',
      '/uploads/elsewhere.txt',
      '/uploads/photos/.syncmedia/id',
      '/uploads/photos/%2esyncmedia/id',
      '/uploads/photos/..%2f..%2fsecret.txt',
      '/uploads/..%2Fsecret.txt',
      '/uploads/photos/../../secret.txt',
      '/uploads/photos//etc/passwd',
      '/uploads/photos/a%00b',
      '/uploads/photos/%ff',
      '/uploads/photos',
      '/uploads/photos/',
      '/uploads/',
      '/uploads/photos/%zz',
    ]) {
      const { status, headers } = await web.get(url);
      expect([url, status]).toEqual([url, 404]);
      expect(headers['cache-control']).toBe('no-store');
    }
    expect(fetched).toEqual([]);
  });

  test('is not served through a symlink', async () => {
    await two.write('secret.txt', 'secret');
    await symlink(two.path('secret.txt'), two.path(`${dir}/link.txt`));
    await symlink(two.ssh.root, two.path(`${dir}/way`));
    expect((await web.get('/uploads/photos/link.txt')).status).toBe(404);
    expect((await web.get('/uploads/photos/way/secret.txt')).status).toBe(404);
    await rm(two.path(`${dir}/link.txt`));
    await rm(two.path(`${dir}/way`));
  });

  test('and was replaced meanwhile is fetched in its new version', async () => {
    const url = await save(one, 'new.jpg', 'first');
    await one.write(`${dir}/new.jpg`, 'second!');
    await one.app.sync.capture([`${dir}/new.jpg`]);
    await until(async () => (await one.app.sync.statusOf(`${dir}/new.jpg`)).files[0]?.size === 7);
    expect((await web.get(url)).body.toString()).toBe('second!');
  });

  test('and whose tombstone is in the ledger is not fetched', async () => {
    const url = await save(one, 'gone.jpg', 'gone');
    await site.database.connection
      .collection('syncmedia_ledger')
      .updateOne({ _id: `${dir}/gone.jpg` as never }, { $set: { kind: 'tombstone' } });
    expect((await web.get(url)).status).toBe(404);
    expect(fetched.map(({ path }) => path)).not.toContain(`${dir}/gone.jpg`);
  });

  test('is requested from no host if the ledger does not know it, for any number of visitors', async () => {
    const before = (await Promise.all([one, three].map(({ ssh }) => ssh.log()))).map(
      (log) => log.length,
    );
    // Enough to tell garbage from memory that each request leaves, 2 KiB or more.
    const requests = 2_500;
    let status404 = 0;
    const heap = heapInUse();
    for (let i = 0; i < requests; i += 500) {
      const got = await Promise.all(
        Array.from({ length: 500 }, (_, j) =>
          web.get(`/uploads/photos/unknown-${i + j}-${'x'.repeat(100)}.jpg`),
        ),
      );
      status404 += got.filter(
        ({ status, headers }) => status === 404 && headers['cache-control'] === 'no-store',
      ).length;
    }
    expect(status404).toBe(requests);
    expect(fetched.filter(({ path }) => path.includes('unknown'))).toEqual([]);
    const logs = await Promise.all([one, three].map(({ ssh }) => ssh.log()));
    // No login at any host; what idles is closed meanwhile.
    expect(logs.map((log, i) => log.slice(before[i])).join('')).not.toMatch(
      /Accepted publickey|Connection from/,
    );
    expect(heapInUse() - heap).toBeLessThan(requests * 2 * 1024);
  }, 120_000);
});

describe('a host that fails', () => {
  beforeEach(async () => {
    site = await openSite();
    [one, two, three] = threeOf(site);
    await holdBack();
    web = await startWeb((app) => {
      app.use('/uploads', two.app.sync.serve('uploads'));
    });
    watch(two.app);
  });
  afterEach(async () => {
    await web.close();
    await site.close();
  });

  test('in mid-transfer breaks the response, leaves nothing, and the next request goes to another', async () => {
    const content = megabytes(64);
    const url = await save(one, 'film.bin', content);
    await until(async () => (await holders('film.bin')).join() === 'one,three', {
      timeout: 15_000,
    });
    const failures: string[] = [];
    two.app.sync.on('fetchFailed', ({ host }) => {
      failures.push(host);
    });
    let stopped: Promise<unknown> | undefined;
    const first = await web.get(url, {
      // Frozen first: killing takes longer than loopback needs for the rest.
      onData: () => {
        stopped ??= Promise.all([one, three].map(({ ssh }) => ssh.freeze())).then(() =>
          Promise.all([one, three].map(({ ssh }) => ssh.stop({ hard: true }))),
        );
      },
    });
    await stopped;
    expect(first).toMatchObject({ status: 200, broken: true });
    expect(first.body.length).toBeLessThan(content.length);
    expect(await two.read(`${dir}/film.bin`)).toBeUndefined();
    await until(async () => (await partials(two)).length === 0);
    const failed = failures[0];
    const other = (await one.app.sync.hosts.show('one')).id === failed ? three : one;
    await other.ssh.start();
    const again = await web.get(url);
    expect([again.status, sha256Of(again.body)]).toEqual([200, sha256Of(content)]);
    await until(() => fetched.length === 1);
    expect(fetched[0]?.host).not.toBe(failed);
  }, 60_000);

  test('altogether is a 503 with a time to come back, not a 404; nothing is kept', async () => {
    const url = await save(one, 'away.jpg', 'away');
    await until(async () => (await holders('away.jpg')).join() === 'one,three');
    await Promise.all([one, three].map(({ ssh }) => ssh.stop({ hard: true })));
    const { status, headers } = await web.get(url);
    expect([status, headers['cache-control'], headers['retry-after']]).toEqual([
      503,
      'no-store',
      '2',
    ]);
    await one.ssh.start();
    await until(async () => (await web.get(url)).status === 200);
  });

  test('to hold what the ledger says is skipped', async () => {
    const url = await save(one, 'lost.jpg', 'still there');
    await until(async () => (await holders('lost.jpg')).join() === 'one,three');
    // Neither a rescan nor a delivery has noticed yet.
    await rm(one.path(`${dir}/lost.jpg`));
    const failures: string[] = [];
    two.app.sync.on('fetchFailed', ({ failure }) => {
      failures.push(failure.message);
    });
    const { status, body } = await web.get(url);
    expect([status, body.toString()], failures.join('\n')).toEqual([200, 'still there']);
  });

  test('to have the file is replaced by one that joined after this process last read the hosts', async () => {
    const early = await two.startApp({ start: false });
    await early.sync.statusOf(`${dir}/joined.jpg`);
    await site.addMachine('four');
    await until(async () => (await one.app.sync.hosts.show('four')).readyAt !== undefined, {
      timeout: 20_000,
    });
    await save(one, 'joined.jpg', 'on four');
    await until(async () => (await holders('joined.jpg')).join() === 'four,one,three');
    await Promise.all([one, three].map((machine) => rm(machine.path(`${dir}/joined.jpg`))));
    const its = await startWeb((app) => {
      app.use('/uploads', early.sync.serve('uploads'));
    });
    const { status, body } = await its.get('/uploads/photos/joined.jpg');
    await its.close();
    expect([status, body.toString()]).toEqual([200, 'on four']);
  }, 60_000);

  test('to be mounted here is a 503: nothing is placed beside the mount point', async () => {
    const url = await save(one, 'unmounted.jpg', 'x');
    await rename(two.path(dir), two.path('elsewhere'));
    await mkdir(two.path(dir));
    expect((await web.get(url)).status).toBe(503);
    expect(await readdir(two.path(dir))).toEqual([]);
    await rm(two.path(dir), { recursive: true });
    await rename(two.path('elsewhere'), two.path(dir));
    await until(async () => (await web.get(url)).status === 200);
  });
});

test('nothing is left of fetches under way when the instance is closed', async () => {
  site = await openSite();
  [one, two, three] = threeOf(site);
  await holdBack();
  web = await startWeb((app) => {
    app.use('/uploads', two.app.sync.serve('uploads'));
  });
  try {
    const url = await save(one, 'closing.bin', megabytes(48));
    let begun = false;
    const asked = web.get(url, {
      onData: () => {
        begun = true;
      },
    });
    await until(() => begun);
    await two.app.sync.close();
    expect((await asked).broken).toBe(true);
    expect(await partials(two)).toEqual([]);
  } finally {
    await web.close();
    await site.close();
  }
});
