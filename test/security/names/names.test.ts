import { createHash, randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { routes } from '../../../src/admin/routes.js';
import type { AdminRoute } from '../../../src/admin/admin-route.js';
import { EventStreams } from '../../../src/admin/events/event-streams.js';
import { PageFiles } from '../../../src/admin/page/page-files.js';
import { readRequest } from '../../../src/admin/read-request.js';
import { until } from '../../harness/wait.js';
import { dir, openSite, untilNothingPending, type Machine, type Site } from '../../flow/site.js';
import { countHostileInputs } from '../../harness/hostile-inputs.js';
import { listCommands, listSlots, runInProcess } from '../cli.js';
import { isText, isUnsafe, isUnsafeDir, makePaths, pick, secret } from './corpus.js';

const hostile = countHostileInputs();
const paths = makePaths(dir);
const ofKept = paths.filter((path) => /^\.syncmedia\/(?:trash|conflicts)\/(?!x)/.test(path));
/**
 * How many of the names are given through each place that takes any, and through those that lead to
 * files; each place gets others.
 */
const everywhere = 12,
  toFiles = 50;

let site: Site, one: Machine, two: Machine;
beforeAll(async () => {
  site = await openSite({ hosts: ['one', 'two'], plugin: { onDelete: 'propagate' } });
  [one, two] = site.machines as [Machine, Machine];
  for (const machine of site.machines) {
    for (const file of [
      'outside',
      'secret/file',
      '.ssh/authorized_keys',
      'id',
      `${dir}/.syncmedia/trash/x/kept.jpg`,
      `${dir}/.syncmedia/conflicts/x/kept.jpg`,
    ])
      await machine.write(file, secret);
    await mkdir(machine.path(`${dir}/.syncmedia/trash/link`), { recursive: true });
    await symlink(machine.path('secret'), machine.path(`${dir}/.syncmedia/trash/link/out`));
  }
}, 60_000);
afterAll(() => site.close());

/**
 * Everything of a machine that no name may reach: its home, its root beside the sync dir, and what
 * its sync dir among the conflicts.
 */
async function lookAtOutside({ ssh }: Machine): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  // A working folder may go while the walk enters it.
  const entries = await until(() => readdir(ssh.root, { recursive: true, withFileTypes: true }), {
    what: 'a walk of the root',
  });
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name),
      rest = path.slice(ssh.root.length + 1);
    const isOpen =
      (rest === dir || rest.startsWith(`${dir}/`)) &&
      !/\.syncmedia\/(?:id|trash|conflicts)/.test(rest);
    if (!isOpen)
      found[rest] = entry.isFile()
        ? createHash('sha256')
            .update(await readFile(path))
            .digest('hex')
        : String((await lstat(path)).mode);
  }
  for (const name of ['.bashrc', '.profile', 'outside', 'planted'])
    found[`home/${name}`] = await readFile(join(ssh.dir, name), 'utf8').catch(() => 'none');
  return found;
}
let known: Record<string, string>[];
/** The changes outside since the last look. */
async function findChanges(): Promise<string[]> {
  const now = await Promise.all(site.machines.map(lookAtOutside));
  const changed = now.flatMap((found, index) =>
    [...new Set([...Object.keys(found), ...Object.keys(known[index] ?? {})])].filter(
      (path) => found[path] !== known[index]?.[path],
    ),
  );
  known = now;
  return changed;
}
beforeAll(async () => {
  known = await Promise.all(site.machines.map(lookAtOutside));
});

/** Each name that some place was given. */
const given = new Set<string>();
/**
 * Tries names one after the other; the whole of it succeeded where anything outside has changed.
 */
async function tryAll(
  what: string,
  names: readonly string[],
  attempt: (name: string) => Promise<unknown>,
): Promise<void> {
  for (const name of names) {
    given.add(name);
    hostile.tried([what, name], await attempt(name));
  }
  const changed = await findChanges();
  hostile.triedAll([], changed);
  expect(changed, what).toEqual([]);
}

describe('the router', () => {
  const hostKey = (): string => one.ssh.hostPublicKeys[0] ?? '';
  const params = { host: 'two', id: 'none', model: 'Photo' };
  /**
   * What makes a request of each kind complete. A route that is not here takes no fields, or has
   * yet to be thought about.
   */
  const complete: Record<string, () => Record<string, unknown>> = {
    'POST /hosts/init': () => ({}),
    'POST /hosts': () => ({ hostname: 'nas', root: '/srv/nas', hostKey: hostKey() }),
    'PATCH /hosts/:host': () => ({}),
    'POST /hosts/:host/approve': () => ({ digest: 'x' }),
    'DELETE /hosts/:host': () => ({}),
    'POST /push': () => ({}),
    'POST /pull': () => ({}),
    'POST /verify': () => ({}),
    'POST /adopt': () => ({}),
    'POST /runs/:id/cancel': () => ({}),
    'GET /conflicts': () => ({}),
    'GET /trash': () => ({}),
    'GET /conflicts/compare': () => ({ dir, keptAs: '.syncmedia/conflicts/x/kept.jpg' }),
    'GET /conflicts/content': () => ({
      dir,
      keptAs: '.syncmedia/conflicts/x/kept.jpg',
      side: 'kept',
    }),
    'POST /conflicts/use': () => ({ dir, keptAs: '.syncmedia/conflicts/x/kept.jpg' }),
    'POST /conflicts/drop': () => ({ dir, keptAs: '.syncmedia/conflicts/x/kept.jpg' }),
    'POST /conflicts/restore': () => ({ dir, keptAs: '.syncmedia/conflicts/x/kept.jpg' }),
    'POST /conflicts/discard': () => ({ dir, keptAs: '.syncmedia/conflicts/x/kept.jpg' }),
    'POST /trash/restore': () => ({ dir, keptAs: '.syncmedia/trash/x/kept.jpg' }),
    'POST /removals/approve': () => ({ dir }),
    'POST /removals/reject': () => ({ dir }),
    'GET /files': () => ({ path: `${dir}/photo.jpg` }),
    'POST /files/retry': () => ({ path: `${dir}/photo.jpg` }),
    'POST /hosts/:host/test': () => ({}),
    'GET /hosts/:host/change': () => ({ to: 'paused' }),
    'GET /doctor': () => ({}),
    'GET /runs': () => ({}),
    'GET /audit': () => ({}),
    'GET /history': () => ({ path: `${dir}/photo.jpg` }),
    'GET /history/content': () => ({ path: `${dir}/photo.jpg`, at: '2026-11-28' }),
    'GET /history/restore': () => ({ path: `${dir}/photo.jpg`, at: '2026-11-28' }),
    'POST /history/restore': () => ({ path: `${dir}/photo.jpg`, at: '2026-11-28' }),
    'POST /history/restore-dir': () => ({ dir, at: '2026-11-28' }),
    'POST /session': () => ({ token: 'x' }),
    'GET /events': () => ({}),
  };
  /** Routes without fields and without parameters. */
  const nameless = [
    'GET /',
    'GET /status',
    'GET /models',
    'GET /healthz',
    'GET /readyz',
    'GET /hosts',
    'GET /removals',
    'GET /overview',
    'GET /session',
    'DELETE /session',
    'GET /openapi.json',
    'GET /metrics',
  ];
  /**
   * Fields that hold paths: where one takes a name that leads out of a sync dir, that is a success
   * by itself.
   */
  const ofPaths: Record<string, (path: string) => boolean> = {
    dir: isUnsafe,
    dirs: isUnsafe,
    keptAs: isUnsafe,
    path: isUnsafe,
    syncDirs: isUnsafeDir,
  };
  const surroundings = {
    headers: {},
    readOnly: false,
    page: new PageFiles([]),
    streams: new EventStreams(() => one.app.sync.overview()),
    requester: {
      description: 'the names test',
      session: undefined,
      requireAuthorized: async () => undefined,
      mayApprove: async () => true,
      cookieName: undefined,
      signIn: () => 'sealed',
    },
  };
  const ask = (
    route: AdminRoute,
    fields: unknown,
    given: Record<string, string> = params,
  ): Promise<{ body: unknown } | { refused: unknown }> => {
    const query = route.method === 'GET' ? (fields as Record<string, string>) : {},
      body = route.method === 'GET' ? {} : fields;
    return (async () => {
      const read = readRequest(route, { params: given, query, body });
      return { body: (await route.handle(one.app.sync, { ...read, ...surroundings })).body };
    })().catch((error: unknown) => ({ refused: error }));
  };
  const key = ({ method, path }: AdminRoute): string => `${method} ${path}`;
  const listFields = ({ query, body }: AdminRoute): string[] => Object.keys({ ...query, ...body });

  test('has no route that these tests do not know', () => {
    const withParameters = routes.filter(({ path }) => path.includes(':')).map(key);
    expect(
      routes
        .map(key)
        .filter(
          (one) => !(one in complete) && !nameless.includes(one) && !withParameters.includes(one),
        ),
    ).toEqual([]);
    for (const route of [...Object.keys(complete), ...nameless])
      expect(routes.map(key)).toContain(route);
  });

  test('accepts no hostile name in any field or parameter of any route', async () => {
    let fieldsSeen = 0,
      parametersSeen = 0;
    for (const route of routes) {
      const fields = nameless.includes(key(route)) ? [] : listFields(route);
      for (const field of fields) {
        fieldsSeen++;
        await tryAll(
          `${key(route)} ${field}`,
          field === 'keptAs'
            ? [...pick(paths, toFiles, fieldsSeen * 7), ...ofKept]
            : pick(paths, field in ofPaths ? toFiles : everywhere, fieldsSeen * 7),
          async (name) => {
            for (const value of field === 'keptAs' ? [name] : [name, [name]]) {
              const answer = await ask(route, { ...complete[key(route)]?.(), [field]: value });
              if ('refused' in answer) continue;
              if (JSON.stringify(answer.body ?? null).includes(secret) || ofPaths[field]?.(name))
                return answer.body;
            }
            return undefined;
          },
        );
      }
      for (const [, parameter = ''] of route.path.matchAll(/:(\w+)/g)) {
        await tryAll(
          `${key(route)} :${parameter}`,
          pick(paths, everywhere, ++parametersSeen * 7),
          async (name) => {
            const answer = await ask(route, complete[key(route)]?.() ?? {}, {
              ...params,
              [parameter]: name,
            });
            return 'body' in answer && JSON.stringify(answer.body ?? null).includes(secret)
              ? answer.body
              : undefined;
          },
        );
      }
    }
    // Each route that takes any is asked for them by name, so that this can fail.
    expect(fieldsSeen).toBeGreaterThanOrEqual(40);
  }, 240_000);
});

describe('the command line', () => {
  /**
   * Options by which the user of this machine names files of this machine, which that user can read
   * and write anyway.
   */
  const ownFiles = ['--root', '--key', '--identity', '--authorized-keys'];
  const ofPaths: Record<string, (path: string) => boolean> = {
    '--dir': isUnsafe,
    '--sync-dirs': isUnsafeDir,
    'sync-dir': isUnsafe,
    'kept-as': isUnsafe,
  };
  const usual = {
    host: 'two',
    'sync-dir': dir,
    'kept-as': '.syncmedia/trash/x/kept.jpg',
    id: 'none',
    run: 'none',
  };
  const complete: Record<string, string[]> = {
    'hosts add': [
      '--hostname=nas',
      '--root=/srv/nas',
      '--url=nas.invalid',
      `--fingerprint=SHA256:${'A'.repeat(43)}`,
    ],
  };

  /** `keys accept` connects to the host each time. */
  const countOf = (words: readonly string[], slot: string): number =>
    slot in ofPaths ? 20 : words[0] === 'keys' && words[1] === 'accept' ? 3 : 8;

  test('accepts no hostile name in any argument or option of any command', async () => {
    let seen = 0;
    for (const words of listCommands()) {
      for (const { slot, args } of listSlots(words, usual, complete[words.join(' ')])) {
        if (ownFiles.includes(slot)) continue;
        seen++;
        await tryAll(
          `${words.join(' ')} ${slot}`,
          slot === 'kept-as'
            ? [
                ...pick(ofKept.filter(isUnsafe), 30, seen * 7),
                '.syncmedia/trash/../id',
                '.syncmedia/conflicts/../id',
              ]
            : pick(paths.filter(ofPaths[slot] ?? (() => true)), countOf(words, slot), seen * 7),
          async (name) => {
            const { text, error } = await runInProcess(one.app.sync, args(name));
            return text.includes(secret) || (error === undefined && ofPaths[slot]?.(name))
              ? text
              : undefined;
          },
        );
      }
    }
    expect(seen).toBeGreaterThanOrEqual(30);
    // Not the same few names everywhere.
    expect(given.size).toBeGreaterThan(1_000);
  }, 240_000);
});

describe('rows of the database', () => {
  const valid = [...new Set(paths.map((path) => Buffer.from(path).toString()))];
  const collection = (name: string) =>
    site.database.connection.collection<Record<string, unknown>>(`syncmedia_${name}`);
  /**
   * The fields of each collection that hold a name of a file, a directory or a host, as these tests
   * forge them.
   */
  const forged = ['audit', 'captures', 'hosts', 'ledger', 'meta', 'runs', 'syncdirs'];
  /** Its rows are numbers by host id. */
  const nameless = ['counters'];

  test('are of no collection that these tests do not know', async () => {
    const names = (await site.database.connection.listCollections())
      .map(({ name }: { name: string }) => name)
      .filter((name) => name.startsWith('syncmedia_'))
      .map((name) => name.slice('syncmedia_'.length));
    expect(names.filter((name) => ![...forged, ...nameless].includes(name))).toEqual([]);
  });

  test('lead to no file outside by any path, scope or key', async () => {
    const ids = Object.fromEntries(
      (await one.app.sync.hosts.list()).map(({ hostname, id }) => [hostname, id]),
    );
    // What the tests before this one changed of the other host by right.
    await collection('hosts').updateOne(
      { _id: ids.two as never },
      { $set: { syncDirs: [], status: 'approved' } },
    );
    const now = new Date(),
      long = new Date(0),
      run = randomBytes(4).toString('hex');
    const key = (path: string): string =>
      encodeURIComponent(isText(path) ? path : '').replaceAll('.', '%2E');
    const asFile = (_id: string, kind: 'file' | 'tombstone', origin: unknown) => ({
      _id,
      kind,
      version: `forged-${run}`,
      superseded: [],
      origin,
      capturedBy: origin,
      heldBy: [origin],
      pending: [origin === ids.one ? ids.two : ids.one],
      dueAt: long,
      blocked: [],
      capturedAt: long,
      ...(kind === 'file' ? { info: { size: secret.length, mtime: 1, nanos: 0 } } : {}),
    });
    // Those that are a file of the sync dir may become one.
    const choose = (from: number): string[] => pick(valid, 200, from).filter(isUnsafe),
      unsafe = choose(0);
    for (const [index, kind] of (['file', 'tombstone'] as const).entries()) {
      for (const origin of [ids.one, ids.two]) {
        const unsafe = choose(1 + 2 * index + (origin === ids.one ? 0 : 1));
        await collection('ledger').deleteMany({ version: `forged-${run}` });
        await collection('ledger').insertMany(
          unsafe.map((path) => asFile(path, kind, origin)) as never[],
        );
        await one.app.sync.runs.follow((await one.app.sync.push()).id);
        hostile.triedAll(unsafe, await findChanges());
      }
    }
    await collection('ledger').deleteMany({ version: `forged-${run}` });
    await collection('captures').insertOne({
      _id: `forged-${run}`,
      host: ids.one,
      dueAt: long,
      touched: unsafe,
      unreferenced: unsafe,
      unreferencedSince: long,
      rescan: unsafe.map((path) => ({ dir: path, after: 0 })),
      asserted: true,
    } as never);
    await collection('captures').insertMany(
      pick(unsafe, 20).map((path, index) => ({
        _id: `forged-${run}-${String(index)}`,
        host: ids.one,
        dueAt: long,
        touched: [path],
        unreferenced: [path],
        unreferencedSince: long,
        rescan: [{ dir: path, after: 0 }],
        asserted: [{ path, info: { size: 1, mtime: 1, nanos: 0 } }],
      })) as never[],
    );
    await collection('syncdirs').insertMany(
      pick(unsafe, 40)
        .filter((path) => path !== '')
        .map((_id) => ({
          _id,
          exclude: [],
          conflict: 'newer',
          onDelete: 'propagate',
          models: [],
        })) as never[],
    );
    for (const kind of ['push', 'pull', 'verify', 'adopt']) {
      await collection('runs').insertOne({
        _id: `forged-${kind}-${run}`,
        kind,
        at: ids.one,
        hosts: [ids.two],
        dirs: pick(unsafe, 40),
        dryRun: false,
        repair: true,
        requestedBy: 'forged',
        state: 'requested',
        files: 0,
        bytes: 0,
        filesFound: 0,
        bytesFound: 0,
        failures: [],
        requestedAt: now,
      } as never);
    }
    const keyed = (value: unknown): Record<string, unknown> =>
      Object.fromEntries(
        pick(unsafe, 60)
          .map(key)
          .filter((name) => name !== '')
          .map((name) => [name, value]),
      );
    await collection('hosts').updateOne(
      { _id: ids.one as never },
      {
        $set: {
          rescans: keyed(long),
          scans: keyed({ all: long, changed: long }),
          halted: keyed({ code: 'REMOVALS_HALTED', message: 'x', retryable: false, scope: 'host' }),
          removals: keyed({ decision: 'approved', at: now }),
          unsyncable: keyed({ count: 1, examples: [] }),
          unnamed: keyed({ count: 1, lastDocument: 'x', lastAt: now }),
          deliveries: keyed({ deliveredAt: long }),
        },
      },
    );
    await one.write(`${dir}/beside.jpg`, 'beside');
    await one.app.Photo.create({ title: 'beside', file: `${dir}/beside.jpg` });
    await one.app.sync.runs.follow((await one.app.sync.push()).id);
    for (const kind of ['push', 'pull', 'verify', 'adopt'])
      await one.app.sync.runs.follow(`forged-${kind}-${run}`).catch(() => undefined);
    await collection('syncdirs').deleteMany({ _id: { $ne: dir as never } });
    await untilNothingPending(site, 60_000);
    hostile.triedAll(
      [
        ...unsafe,
        ...unsafe,
        ...unsafe,
        ...pick(unsafe, 40),
        ...pick(unsafe, 160),
        ...pick(unsafe, 60),
      ],
      await findChanges(),
    );
    // Nothing of the content outside was hashed for anybody either.
    const told = createHash('sha256').update(secret).digest('hex');
    hostile.triedAll(unsafe, await collection('ledger').find({ 'info.sha256': told }).toArray());
    expect(await two.read(`${dir}/beside.jpg`)).toBe('beside');
  }, 240_000);
});
