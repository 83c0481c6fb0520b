import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { getNativeCollection } from '../../src/util/collections.js';
import type { HostRow } from '../../src/hosts/host-model.js';
import { Seals } from '../../src/hosts/seal.js';
import { dir, openSite, type Machine, type Site } from '../flow/site.js';
import { countHostileInputs } from '../harness/hostile-inputs.js';
import { until } from '../harness/wait.js';
import { makeRow } from '../hosts/rows.js';
import { strangeValue } from './strange-values.js';

const hostile = countHostileInputs();
let site: Site, one: Machine, two: Machine;
beforeAll(async () => {
  site = await openSite({ hosts: ['one', 'two'] });
  [one, two] = site.machines as [Machine, Machine];
}, 60_000);
afterAll(() => site.close());

const failure = { code: 'DISK_FULL', message: 'x', retryable: true, scope: 'host' } as const;
/** Every field of a row, filled as it should be. */
const full: HostRow = makeRow('full', {
  readyAt: new Date(1),
  lastSeenAt: new Date(1),
  returnedAt: new Date(1),
  lease: { leader: 'a:1', beat: 1, socket: '1:2' },
  deliveries: { a: { failure, failingSince: new Date(1), nextTryAt: new Date(2) } },
  rescans: { uploads: new Date(1) },
  scans: { uploads: { all: new Date(1), changed: new Date(1) } },
  halted: { uploads: failure },
  backfilled: ['a'],
  members: ['a'],
  unsyncable: { uploads: { count: 1, examples: [{ path: 'a', why: 'b' }] } },
  removals: { uploads: { decision: 'approved', at: new Date(1) } },
  unnamed: { Photo: { count: 1, lastDocument: 'a', lastAt: new Date(1) } },
  setup: [{ about: 'a', message: 'b', remedy: 'c' }],
  reload: { at: new Date(1), exitCode: 0, output: '' },
  software: { syncmedia: '1', node: '20' },
});
/** A row in which some fields, or parts of them, hold something else than they should. */
const garbled = fc
  .array(
    fc.record({
      field: fc.constantFrom(...Object.keys(full)),
      inside: fc.boolean(),
      value: strangeValue,
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((changes) => {
    const row: Record<string, unknown> = structuredClone(full);
    for (const { field, inside, value } of changes) {
      const before = row[field];
      if (inside && typeof before === 'object' && before !== null && !(before instanceof Date))
        row[field] = Array.isArray(before)
          ? [...(before as unknown[]), value]
          : { ...before, '%': value, b: value };
      else row[field] = value;
    }
    return row as unknown as HostRow;
  });

test('a row with every field as it should be is read whole', () => {
  const { unreadable, ...host } = new Seals().readHost(full);
  expect(unreadable).toBeUndefined();
  const { _id, ...rest } = full;
  expect(host).toEqual({ id: _id, ...rest });
});

test('a row with any content is read, and its unusable fields are named and left out', () => {
  fc.assert(
    fc.property(garbled, (row) => {
      const host = new Seals().readHost(row),
        { id: _, unreadable, unsealed, ...fields } = host;
      // What was read can be read again without finding anything, but for what only a person can
      // put right.
      const again = new Seals().readHost({ _id: host.id, ...fields });
      expect(again.unreadable).toBeUndefined();
      for (const name of unreadable ?? []) expect(Object.keys(full)).toContain(name);
      expect(unsealed === undefined || host.status === 'pending').toBe(true);
      hostile.tried(row, again.unreadable);
    }),
    { numRuns: 2_000, seed: 1 },
  );
});

test('rows with any content disturb no other host, are reported, and keep no key from being removed', async () => {
  const rows = getNativeCollection<HostRow>(site.database.connection, 'syncmedia_hosts');
  const made = fc.sample(garbled, { numRuns: 150, seed: 1 });
  expect(
    Object.keys(full).filter(
      (field) =>
        !made.some(
          (row) => !isDeepStrictEqual(row[field as keyof HostRow], full[field as keyof HostRow]),
        ),
    ),
  ).toEqual([]);
  let stored = 0;
  for (const [i, row] of made.entries()) {
    // The database refuses some of them; the unique fields are the row's own.
    const stands = await rows
      .insertOne({
        ...row,
        _id: `garbled-${String(i)}`,
        hostname: typeof row.hostname === 'string' ? `garbled-${String(i)}` : row.hostname,
        url: `${String(i)}.invalid`,
      })
      .then(
        () => true,
        () => false,
      );
    if (stands) stored++;
  }
  expect(stored).toBeGreaterThan(75);
  await one.write(`${dir}/a.jpg`, 'a');
  await one.app.Photo.create({ title: 'a', file: `${dir}/a.jpg` });
  await until(async () => (await two.read(`${dir}/a.jpg`)) === 'a', { timeout: 30_000 });
  hostile.triedAll(made, (await two.read(`${dir}/a.jpg`)) !== 'a');
  const status = await one.app.sync.status();
  expect(status.hosts.filter(({ unreadable }) => unreadable).length).toBeGreaterThan(20);
  expect((await one.app.sync.hosts.list()).length).toBeGreaterThan(50);
  await until(() => one.app.log.some((line) => line.includes('fields that cannot be used')), {
    timeout: 20_000,
  });

  // A host that is unregistered has no access any more, whatever the content of the other rows.
  const keys = (): Promise<string> => readFile(one.ssh.authorizedKeysFile, 'utf8');
  const id = (await one.app.sync.hosts.show('two')).id;
  expect(await keys()).toContain(id);
  await one.app.sync.hosts.unregister('two');
  await until(async () => !(await keys()).includes(id), { timeout: 20_000 });
}, 120_000);
