import { afterAll, beforeAll, expect, test } from 'vitest';
import { getNativeCollection } from '../../src/util/collections.js';
import type { HostRow } from '../../src/hosts/host-model.js';
import { dir, openSite, type Machine, type Site } from '../flow/site.js';
import { startEvilHost, type EvilHost } from '../harness/evil-host.js';
import { countHostileInputs } from '../harness/hostile-inputs.js';

const hostile = countHostileInputs();
const folder = '0m2abcdef-0123456789abcdef',
  keptAs = `.syncmedia/conflicts/${folder}/slow.jpg`;
const marker = Buffer.from(JSON.stringify({ host: 'evil', syncDir: dir }));
const names = [
  '..',
  '.',
  '',
  'a/b.jpg',
  '../x.jpg',
  '/etc/passwd',
  '.syncmedia',
  'a\0b.jpg',
  'ok.jpg',
];
let site: Site, one: Machine, evil: EvilHost;
/** What each directory lists; a number: so many answers of a hundred names. */
const listings = new Map<string, (string[] | undefined)[] | number>();

function list(path: string): readonly string[] | undefined {
  const left = listings.get(path.slice(path.indexOf('.syncmedia')));
  if (typeof left === 'number') return Array.from({ length: 100 }, (_, i) => `${String(i)}-dir`);
  return left?.shift();
}

beforeAll(async () => {
  site = await openSite({ hosts: ['one'] });
  [one] = site.machines as [Machine];
  evil = await startEvilHost({
    mtime: 1_700_000_000,
    sizeOf: (path) =>
      path.endsWith('.syncmedia/id')
        ? marker.length
        : path.endsWith('.jpg')
          ? 5 * 1024 * 1024
          : undefined,
    read: (path, offset, length) =>
      path.endsWith('.syncmedia/id')
        ? { bytes: marker.subarray(offset, offset + length), afterMs: 0 }
        : { bytes: Buffer.alloc(1), afterMs: 400 },
    list,
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
}, 60_000);
afterAll(async () => {
  await site.close();
  await evil.close();
});

test('names that lead elsewhere are no conflicts of another host', async () => {
  listings.set('.syncmedia/conflicts', [[folder, '..', 'x/y']]);
  listings.set(`.syncmedia/conflicts/${folder}`, [[...names]]);
  const found = await one.app.sync.conflicts.list({ host: 'evil' });
  const paths = found.map(({ path }) => path);
  for (const name of names)
    hostile.tried(name, name !== 'ok.jpg' && paths.some((path) => path === `${dir}/${name}`));
  expect(paths).toEqual([`${dir}/ok.jpg`]);
});

test('a host that lists without end, or gives a file byte by byte, is left after a while', async () => {
  listings.set('.syncmedia/trash', 1);
  const { conflicts, recoverable } = one.app.sync;
  const errors = await Promise.all(
    [
      () => recoverable.list('trash', { host: 'evil' }),
      () => conflicts.readPicture(dir, keptAs, 'kept', 'evil'),
      () => conflicts.compare(dir, keptAs, 'evil'),
      () => conflicts.discard(dir, keptAs, { host: 'evil', shown: { kept: 'a'.repeat(64) } }),
    ].map((ask) =>
      ask().then(
        () => 'answered',
        (error: unknown) => (error as { code?: string }).code,
      ),
    ),
  );
  for (const error of errors) {
    hostile.tried(error, error === 'answered');
    expect(['TIMED_OUT', 'REPLY_TOO_LARGE', 'HOST_UNREACHABLE']).toContain(error);
  }
}, 90_000);
