import { afterAll, beforeAll, expect, test } from 'vitest';
import { getNativeCollection } from '../../src/util/collections.js';
import type { HostRow } from '../../src/hosts/host-model.js';
import type { LedgerRow } from '../../src/ledger/filters.js';
import { dir, openSite, type Machine, type Site } from '../flow/site.js';
import { sha256OfZeros, startEvilHost, type EvilHost } from '../harness/evil-host.js';
import { until } from '../harness/wait.js';
import { startWeb, type Web } from '../serving/web.js';

const size = 1024 * 1024,
  slowFiles = 90;
let site: Site, one: Machine, two: Machine, web: Web, evil: EvilHost;
beforeAll(async () => {
  site = await openSite({ hosts: ['one', 'two'] });
  [one, two] = site.machines as [Machine, Machine];
  // Nothing is delivered to two: it has to fetch missing files.
  await one.app.sync.hosts.edit('two', { status: 'paused' });
  await until(async () => (await two.app.sync.hosts.show('two')).status === 'paused');
  web = await startWeb((app) => {
    app.use('/uploads', two.app.sync.serve('uploads'));
  });
  evil = await startEvilHost({
    mtime: 1_700_000_000,
    sizeOf: (path) => (path.endsWith('.jpg') ? size : undefined),
    read: () => ({ bytes: Buffer.alloc(1), afterMs: 400 }),
  });
  const hosts = getNativeCollection<HostRow>(site.database.connection, 'syncmedia_hosts');
  const row = await hosts.findOne({ hostname: 'one' });
  if (!row) throw new Error('host one has no row');
  const { lease: _, ...rest } = row;
  await hosts.insertOne({
    ...rest,
    _id: 'evil',
    hostname: 'evil',
    sshPort: evil.port,
    hostKeys: [evil.hostKey],
    passive: true,
    deliveries: {},
  });
  const ledger = getNativeCollection<LedgerRow>(site.database.connection, 'syncmedia_ledger');
  await ledger.insertMany(
    Array.from(
      { length: slowFiles },
      (_unused, i) =>
        ({
          _id: `${dir}/slow-${String(i)}.jpg`,
          version: `v${String(i)}`,
          kind: 'file',
          info: { size, mtime: 1_700_000_000, sha256: sha256OfZeros(size) },
          superseded: [],
          origin: 'evil',
          capturedBy: 'evil',
          heldBy: ['evil'],
          pending: [],
          dueAt: new Date(),
          blocked: [],
          capturedAt: new Date(),
        }) as never,
    ),
  );
  await two.app.sync.status();
}, 60_000);
afterAll(async () => {
  await web.close();
  await site.close();
  await evil.close();
});

test('a host that gives its files byte by byte keeps no visitor from the files of other hosts, and each of its fetches ends', async () => {
  const slow = Array.from({ length: slowFiles }, (_unused, i) =>
    web.get(`/uploads/photos/slow-${String(i)}.jpg`).then(
      ({ status }) => status,
      () => 'broken' as const,
    ),
  );
  await until(() => evil.reads() > 100, { timeout: 20_000 });
  await one.write(`${dir}/quick.jpg`, 'quick');
  await one.app.Photo.create({ title: 'quick', file: `${dir}/quick.jpg` });
  const quick = await web.get('/uploads/photos/quick.jpg');
  expect([quick.status, quick.body.toString()]).toEqual([200, 'quick']);
  const answers = await Promise.all(slow);
  // Those that got a slot were broken off, all others were told to come again.
  expect(new Set(answers)).toEqual(new Set(['broken', 503]));
  await until(() => evil.openFiles() === 0, { timeout: 30_000 });
  await until(async () => (await two.listArea('tmp')).length === 0, { timeout: 30_000 });
}, 120_000);
