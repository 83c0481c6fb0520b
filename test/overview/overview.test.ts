import { makeRecheckCapture } from '../../src/capture/make-captures.js';
import type { Path } from '../../src/model/path.js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { HostOverview, Overview } from '../../src/api/overview.js';
import type { Failure } from '../../src/model/failure.js';
import { errorCatalogue } from '../../src/model/error-catalogue.js';
import { encodeFieldName } from '../../src/hosts/host-model.js';
import { RunStore, type RunRow } from '../../src/context/run-store.js';
import { getNativeCollection } from '../../src/util/collections.js';
import { makeRowReader } from '../harness/row-reader.js';
import { until } from '../harness/wait.js';
import { ago, openOverviewSite, type OverviewSite } from './site.js';

let site: OverviewSite;
beforeEach(async () => {
  site = await openOverviewSite();
});
afterEach(() => site.close());

const unreachable: Failure = {
  code: 'HOST_UNREACHABLE',
  message: 'The connection to name-C was refused.',
  retryable: true,
  scope: 'host',
};
const full: Failure = {
  code: 'DISK_FULL',
  message: 'no space left',
  retryable: true,
  scope: 'path',
};

/** Three hosts that have everything. */
async function addThree(): Promise<void> {
  for (const id of ['A', 'B', 'C']) await site.addHost(id);
}
const openRuns = (): RunStore =>
  new RunStore(
    () => getNativeCollection<RunRow>(site.database.connection, 'syncmedia_runs'),
    makeRowReader(site.database.connection),
  );
const readAs = async (id?: string): Promise<Overview> => (await site.open(id)).overview();
const hostOf = ({ hosts }: Overview, id: string): HostOverview => {
  const found = hosts.find((host) => host.id === id);
  if (!found) throw new Error(`the overview has no host ${id}`);
  return found;
};

describe('the overview', () => {
  test('of a site that has everything says so, and needs nobody', async () => {
    await addThree();
    await site.addEntries([{ path: 'uploads/a.jpg', heldBy: ['A', 'B', 'C'] }]);
    const overview = await readAs('A');
    expect(overview).toMatchObject({
      headline: 'Everything is everywhere',
      thisHost: { id: 'A', hostname: 'name-A' },
      entries: 1,
      missing: { count: 0, capped: false },
      captures: { count: { count: 0, capped: false } },
      needs: [],
      runs: [],
    });
    expect(overview.hosts.map(({ state }) => state)).toEqual([
      'up to date',
      'up to date',
      'up to date',
    ]);
    expect(overview.hosts.map(({ note }) => note)).toEqual(['this host', '', '']);
    expect(hostOf(overview, 'B')).toMatchObject({
      address: 'app@B.example.com:22',
      pending: { count: 0, capped: false, bytes: 0 },
      blocked: 0,
      leader: 'process 7 on web',
    });
  });

  test('of an empty database names the command that registers the first machine', async () => {
    const overview = await readAs();
    expect(overview).toMatchObject({ headline: 'No machine is registered yet', hosts: [] });
    expect(overview.thisHost).toBeUndefined();
    expect(overview.needs).toMatchObject([
      {
        kind: 'setup',
        command: expect.stringMatching(/^npx syncmedia init --root \S+ --generate$/) as string,
      },
    ]);
  });

  test('of a machine without a host id says that others are registered', async () => {
    await addThree();
    expect(await readAs()).toMatchObject({
      headline: 'This machine is not registered',
      needs: [{ cause: '3 other hosts are registered in this database.' }],
    });
  });

  test('of a lone host says that its files exist once', async () => {
    await site.addHost('A', { rootPath: '/srv/my app', syncDirs: ['uploads/photos'] as never });
    const { headline, needs } = await readAs('A');
    expect(headline).toBe('name-A is alone: its files exist once');
    expect(needs).toMatchObject([
      {
        kind: 'setup',
        command: "npx syncmedia init --root '/srv/my app' --sync-dirs uploads/photos --generate",
      },
    ]);
  });

  test('counts files, bytes and the oldest one for each host', async () => {
    await addThree();
    await site.addEntries([
      { path: 'uploads/1.jpg', pending: ['B', 'C'], capturedAt: ago(300) },
      { path: 'uploads/2.jpg', pending: ['B'], capturedAt: ago(30) },
      { path: 'uploads/3.jpg', kind: 'tombstone', pending: ['B'], capturedAt: ago(20) },
    ]);
    const overview = await readAs('A');
    expect(overview.headline).toBe('2 of 3 hosts lack files');
    const b = hostOf(overview, 'B');
    expect(b).toMatchObject({ state: 'behind', pending: { count: 3, capped: false, bytes: 30 } });
    expect(b.oldestSeconds).toBeGreaterThanOrEqual(300);
    expect(hostOf(overview, 'C').pending).toEqual({ count: 1, capped: false, bytes: 10 });
    expect(hostOf(overview, 'A').state).toBe('up to date');
  });

  test('goes on counting in the later readings of a process', async () => {
    await addThree();
    await site.addEntries([
      { path: 'uploads/1.jpg', pending: ['B', 'C'], capturedAt: ago(300) },
      { path: 'uploads/2.jpg', pending: ['B'], capturedAt: ago(200) },
    ]);
    const sync = await site.open('A');
    expect(hostOf(await sync.overview(), 'B').pending).toMatchObject({ count: 2, bytes: 20 });
    await site.ledger.updateOne({ _id: 'uploads/1.jpg' }, { $set: { pending: [] } });
    await site.addEntries([{ path: 'uploads/3.jpg', pending: ['B'], capturedAt: ago(100) }]);
    // A date of a wrong type.
    await site.addEntries([{ path: 'uploads/4.jpg', pending: ['B'], capturedAt: 'x' as never }]);
    const later = await until(async () => {
      const overview = await sync.overview();
      return hostOf(overview, 'B').pending.count === 3 && overview;
    });
    expect(hostOf(later, 'B').pending).toEqual({ count: 3, capped: false, bytes: 30 });
    expect(hostOf(later, 'B').oldestSeconds).toBeGreaterThanOrEqual(200);
    expect(hostOf(later, 'B').oldestSeconds).toBeLessThan(300);
    expect(hostOf(later, 'C')).toMatchObject({ state: 'up to date', pending: { count: 0 } });
  });

  test('counts no further than 10,000, and says that there are more', async () => {
    await addThree();
    await site.addEntries(
      Array.from({ length: 10_001 }, (_, i) => ({
        path: `uploads/${String(i)}.jpg`,
        pending: ['B'],
        heldBy: [],
        capturedAt: ago(300),
      })),
    );
    const overview = await readAs('A');
    expect(hostOf(overview, 'B').pending).toMatchObject({ count: 10_000, capped: true });
    expect(overview.missing).toEqual({ count: 10_000, capped: true });
    expect(overview.needs).toMatchObject([
      { kind: 'missing', title: 'Over 10,000 files are on no host' },
    ]);
  });

  test('of a host that nobody reaches says since when, why, and what to do', async () => {
    await site.addHost('A', {
      deliveries: {
        C: {
          failure: unreachable,
          failingSince: ago(90),
          nextTryAt: ago(-30),
          deliveredAt: ago(95),
        },
      },
    });
    await site.addHost('B', { deliveries: { C: { deliveredAt: ago(600) } } });
    await site.addHost('C');
    await site.addEntries([{ path: 'uploads/1.jpg', pending: ['C'], capturedAt: ago(80) }]);
    const overview = await readAs('A');
    expect(overview.headline).toBe('1 of 3 hosts lacks files');
    expect(overview.hosts[0]).toMatchObject({
      hostname: 'name-C',
      state: 'down',
      note: 'no connection',
      cause: 'name-A cannot reach name-C: The connection to name-C was refused.',
      remedy: errorCatalogue.HOST_UNREACHABLE.remedy,
      code: 'HOST_UNREACHABLE',
      failures: [{ from: 'name-A', code: 'HOST_UNREACHABLE' }],
    });
    expect(overview.hosts[0]?.nextTrySeconds).toBeGreaterThan(20);
    expect(overview.hosts[0]?.deliveredSecondsAgo).toBeLessThan(120);
    expect(overview.needs).toMatchObject([
      { id: 'host down name-C', kind: 'host', title: 'name-C does not answer' },
    ]);
  });

  test('asks about a host that has been away for a week, with the command that gives up no last copy', async () => {
    await site.addHost('A');
    await site.addHost('B', { heartbeatAt: ago(8 * 86_400) });
    const overview = await readAs('A');
    expect(hostOf(overview, 'B')).toMatchObject({
      state: 'down',
      note: 'away for over 7 days',
      code: 'HOST_SILENT',
    });
    expect(overview.needs).toMatchObject([
      {
        id: 'host down name-B',
        title: 'name-B has been away for over 7 days',
        command: 'syncmedia unregister name-B --safe',
        remedy: hostOf(overview, 'B').remedy,
      },
    ]);
  });

  test('ignores what hosts recorded that have stopped, were retired, or never worked', async () => {
    const deliveries = { C: { failure: unreachable, failingSince: ago(900) } };
    await site.addHost('A', { deliveries: { C: { deliveredAt: ago(5) } } });
    await site.addHost('B', { deliveries, heartbeatAt: ago(500) });
    await site.addHost('C');
    await site.addHost('D', { deliveries, status: 'retired', hostname: 'name-D#D' });
    const overview = await readAs('A');
    expect(hostOf(overview, 'C')).toMatchObject({ state: 'up to date', failures: [] });
    expect(hostOf(overview, 'B')).toMatchObject({ state: 'down', code: 'HOST_SILENT' });
    expect(hostOf(overview, 'B').leader).toBeUndefined();
    expect(overview.hosts.map(({ id }) => id)).toEqual(['B', 'A', 'C']);
  });

  test('a paused host that was switched off needs nobody', async () => {
    await addThree();
    await site.rows.updateOne({ _id: 'C' }, { $set: { status: 'paused', heartbeatAt: ago(500) } });
    const overview = await readAs('A');
    expect(hostOf(overview, 'C').state).toBe('down');
    expect(overview.needs).toEqual([]);
  });

  test('names blocked files by code, and when the next one is tried', async () => {
    await addThree();
    await site.addEntries([
      {
        path: 'uploads/label.pdf',
        blocked: [{ host: 'B', failure: full, since: ago(700), retryAt: ago(-60) }],
        capturedAt: ago(700),
      },
      {
        path: 'uploads/b.pdf',
        blocked: [{ host: 'B', failure: { ...full, code: 'NOT_A_FILE' }, since: ago(10) }],
      },
    ]);
    const b = hostOf(await readAs('A'), 'B');
    expect(b).toMatchObject({ state: 'blocked', blocked: 2 });
    expect(b.nextTrySeconds).toBeGreaterThan(0);
    expect([...b.blockedBy].sort((x, y) => (x.code < y.code ? -1 : 1))).toEqual([
      { code: 'DISK_FULL', files: 1 },
      { code: 'NOT_A_FILE', files: 1 },
    ]);
  });

  test('a path that another host asked to have checked counts from then', async () => {
    await addThree();
    const insert = async (seconds: number): Promise<void> => {
      const { id, ...row } = makeRecheckCapture('C', 'uploads/a.jpg' as Path);
      const madeAt = Math.floor(ago(seconds).getTime() / 1_000);
      const _id = madeAt.toString(16).padStart(8, '0') + id.slice(8);
      await site.captures.insertOne({ ...row, _id });
    };
    await insert(10);
    const overview = await readAs('A');
    expect(overview.captures.count.count).toBe(1);
    expect(overview.captures.oldestSeconds ?? 0).toBeLessThan(60);
    expect(overview.needs).toEqual([]);
    await site.captures.deleteMany({});
    await insert(300);
    const { needs } = await readAs('A');
    expect(needs.map(({ id }) => id)).toEqual(['captures name-C']);
    expect(needs[0]?.sinceSeconds).toBeLessThan(400);
  });

  test('lists every kind of need, the most urgent first', async () => {
    await addThree();
    const halted = {
      [encodeFieldName('uploads/photos')]: {
        code: 'REMOVALS_HALTED' as const,
        message:
          '312 of 900 files of uploads/photos are to be removed on every host: "syncmedia ' +
          'removals approve uploads/photos" if that is meant, else "syncmedia removals reject ' +
          'uploads/photos"',
        retryable: false,
        scope: 'host' as const,
      },
    };
    await site.rows.updateOne(
      { _id: 'B' },
      {
        $set: {
          halted,
          conflicts: 2,
          clockOffsetMs: 183_000,
          setup: [{ about: 'x', message: 'uploads/x is not mounted', remedy: 'mount it' }],
          'software.syncmedia': 7,
        },
      },
    );
    await site.addHost('D', { status: 'pending' });
    await site.addEntries([{ path: 'uploads/lost.jpg', heldBy: [] }]);
    await site.captures.insertOne({
      _id: 'c',
      host: 'C',
      dueAt: ago(300),
      touched: [],
      unreferenced: [],
      rescan: [],
    });
    const { needs, headline } = await readAs('A');
    expect(headline).toBe('1 file is on no host');
    expect(needs.map(({ id }) => id)).toEqual([
      'host pending name-D',
      'removals name-B uploads/photos',
      'missing',
      'captures name-C',
      'conflicts name-B',
      'clock name-B',
      'unreadable name-B',
      'setup name-B',
    ]);
    expect(needs.find(({ kind }) => kind === 'removals')?.cause).toBe(
      'On name-B, 312 of 900 files of uploads/photos are to be removed on every host.',
    );
    expect(needs.find(({ kind }) => kind === 'clock')?.cause).toBe(
      "It is 3 min ahead of the database's clock.",
    );
    for (const { title, cause, safe, remedy } of needs.filter(({ kind }) => kind !== 'setup'))
      for (const sentence of [cause, safe, remedy])
        expect(sentence, title).toMatch(/^[A-Z`\d][^]*\.$|^name-[^]*\.$/);
  });

  test('versions that are not recorded yet are counted for each host that keeps a history', async () => {
    await addThree();
    for (const id of ['A', 'B'])
      await site.rows.updateOne({ _id: id }, { $set: { backend: 'git', history: { bytes: 1 } } });
    const heldBy = ['A', 'B', 'C'];
    await site.addEntries([
      { path: 'uploads/a.jpg', heldBy, capturedBy: 'B', unrecorded: true },
      { path: 'uploads/b.jpg', heldBy, capturedBy: 'B', unrecorded: true },
      { path: 'uploads/c.jpg', heldBy, capturedBy: 'A' },
    ]);
    const overview = await readAs('A');
    expect(['A', 'B', 'C'].map((id) => hostOf(overview, id).history)).toEqual([
      { unrecorded: { count: 0, capped: false } },
      { unrecorded: { count: 2, capped: false } },
      undefined,
    ]);
    expect(overview.needs).toEqual([]);
  });

  test('a history that fails needs somebody after a minute, and changes no state', async () => {
    await addThree();
    const fail = (failingSince: Date): Promise<unknown> =>
      site.rows.updateOne(
        { _id: 'B' },
        {
          $set: { backend: 'git', history: { failure: { ...full, scope: 'host' }, failingSince } },
        },
      );
    await fail(ago(30));
    expect((await readAs('A')).needs).toEqual([]);
    await fail(ago(300));
    const overview = await readAs('A');
    expect(overview.headline).toBe('Every host has its files, but 1 thing needs you');
    expect(hostOf(overview, 'B').state).toBe('up to date');
    expect(hostOf(overview, 'B').history?.failing).toBe('no space left');
    expect(overview.needs).toMatchObject([
      {
        id: 'history name-B',
        host: 'name-B',
        title: 'name-B records no versions',
        cause: 'The last try failed: no space left.',
        command: 'syncmedia status --details',
      },
    ]);
  });

  test('a row of any shape disturbs no other host', async () => {
    await addThree();
    await site.rows.insertOne({
      _id: 'E',
      hostname: { $gt: '' },
      url: 7,
      deliveries: 'none',
      halted: [],
      heartbeatAt: 'yesterday',
      clockOffsetMs: 'fast',
      conflicts: -1,
      status: 'approved',
    } as never);
    const overview = await readAs('A');
    expect(hostOf(overview, 'E')).toMatchObject({ hostname: 'E', state: 'pending' });
    expect(hostOf(overview, 'E').cause).toContain('malformed');
    expect(hostOf(overview, 'E').conflicts).toBeUndefined();
    expect(hostOf(overview, 'A').state).toBe('up to date');
    expect(overview.needs.map(({ id }) => id)).toEqual(['host pending E']);
  });

  test('an entry of any shape disturbs no count', async () => {
    await addThree();
    await site.addEntries([{ path: 'uploads/1.jpg', pending: ['B'], capturedAt: ago(70) }]);
    await site.ledger.insertMany([
      { _id: 'x', pending: 'B', blocked: 'C', heldBy: 7, capturedAt: 'then' },
      { _id: 'y', pending: ['B'], blocked: [{ host: 'C', failure: { code: 5, message: {} } }] },
      { _id: 'z', kind: 'file', pending: [], heldBy: [], blocked: [{ host: 'C' }], info: [1] },
    ] as never[]);
    const overview = await readAs('A');
    expect(hostOf(overview, 'B').pending.count).toBeGreaterThanOrEqual(1);
    expect(hostOf(overview, 'C').blocked).toBe(2);
    expect(overview.missing.count).toBe(1);
  });

  test('its id stays the same while only ages change, and differs once something happens', async () => {
    await addThree();
    const first = await readAs('A');
    await site.rows.updateMany(
      {},
      { $currentDate: { heartbeatAt: true }, $set: { clockOffsetMs: 40 } },
    );
    const second = await readAs('A');
    expect(second.at.getTime()).toBeGreaterThan(first.at.getTime());
    expect(second.id).toBe(first.id);
    await site.rows.updateOne({ _id: 'A' }, { $set: { 'deliveries.B.deliveredAt': ago(1) } });
    const third = await readAs('A');
    expect(third.id).not.toBe(first.id);
  });

  test('two processes of two hosts tell the same, but for themselves', async () => {
    await addThree();
    await site.addEntries([{ path: 'uploads/1.jpg', pending: ['B'], capturedAt: ago(90) }]);
    const [a, b] = await Promise.all([readAs('A'), readAs('B')]);
    const strip = ({ hosts, needs, headline }: Overview) => ({
      headline,
      needs,
      states: hosts.map(({ id, state }) => [id, state]),
    });
    expect(strip(a)).toEqual(strip(b));
    expect([a.thisHost?.id, b.thisHost?.id]).toEqual(['A', 'B']);
  });

  test('shows unfinished runs first, and what came of the newest others', async () => {
    await addThree();
    const runs = openRuns();
    const request = (kind: 'pull' | 'verify', at: string) =>
      runs.request({ kind, at, hosts: [], dirs: [], dryRun: false, requestedBy: 'ops' });
    const verify = await request('verify', 'A');
    await runs.claimNext('A');
    await runs.endRun({
      ...verify,
      state: 'done',
      findings: [{ host: 'B', missing: 1, extra: 0, different: 2, repaired: 0 }],
    });
    const pull = await request('pull', 'B');
    const overview = await readAs('A');
    expect(overview.runs).toMatchObject([
      { id: pull.id, kind: 'pull', at: 'name-B', state: 'requested', result: 'waits for name-B' },
      { id: verify.id, state: 'done', result: '1 missing, 2 different on name-B' },
    ]);
    expect(overview.recent.map(({ text }) => text)).toContain('pull requested by ops');
    expect(overview.recent.length).toBeLessThanOrEqual(20);
  });

  test('of a host that is filled says how far, and from where', async () => {
    await site.addHost('A', { deliveries: { C: { deliveredAt: ago(5) } } });
    await site.addHost('B');
    await site.addHost('C', { readyAt: undefined as never });
    const runs = openRuns();
    const bootstrap = await runs.request({
      kind: 'bootstrap',
      at: 'C',
      hosts: [],
      dirs: [],
      dryRun: false,
      requestedBy: 'this host, which is new',
    });
    await runs.claimNext('C');
    await runs.storeProgress({ ...bootstrap, files: 62, filesFound: 100, from: 'B' });
    expect(hostOf(await readAs('A'), 'C')).toMatchObject({
      state: 'filling',
      note: '62 %, from name-B, name-A',
      filling: { files: 62, filesFound: 100, from: ['name-B', 'name-A'] },
    });
    await runs.endRun({ ...bootstrap, from: 'B', state: 'done' });
    expect(await runs.read(bootstrap.id)).not.toHaveProperty('from');
  });

  test('tells what people changed, by the audit log', async () => {
    await addThree();
    await getNativeCollection(site.database.connection, 'syncmedia_audit').insertMany([
      {
        _id: '1' as never,
        at: ago(5),
        by: 'ops',
        what: 'hosts.edit',
        args: '["name-C",{"status":"paused"}]',
        outcome: 'done',
        host: 'A',
      },
      {
        _id: '2' as never,
        at: ago(4),
        by: 'ops',
        what: 'hosts.approve',
        args: '["name-C","…',
        outcome: 'HOST_CHANGED',
        host: 'A',
      },
    ]);
    const { recent } = await readAs('A');
    expect(recent.map(({ host, text }) => [host, text])).toEqual(
      expect.arrayContaining([
        ['name-C', 'ops paused the host'],
        ['name-A', 'ops approved the host (HOST_CHANGED)'],
      ]),
    );
  });

  test('a closed instance refuses, and reads nothing any more', async () => {
    await addThree();
    const sync = await site.open('A');
    await sync.overview();
    await sync.close();
    await expect(sync.overview()).rejects.toMatchObject({ code: 'CLOSED' });
  });
});
