import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import type { mongo } from 'mongoose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { getNativeCollection } from '../../src/util/collections.js';
import { dir, openSite, type Machine, type Site } from '../flow/site.js';
import { countHostileInputs } from '../harness/hostile-inputs.js';
import { until } from '../harness/wait.js';
import { strangeIds, strangeValue } from './strange-values.js';

const hostile = countHostileInputs();
const rowsOfEach = 200;
let site: Site, one: Machine, two: Machine;
beforeAll(async () => {
  site = await openSite({ hosts: ['one', 'two'] });
  [one, two] = site.machines as [Machine, Machine];
}, 60_000);
afterAll(() => site.close());

interface AnyRow {
  _id: string;
  [field: string]: unknown;
}
const collection = (name: string): mongo.Collection<AnyRow> =>
  getNativeCollection<AnyRow>(site.database.connection, `syncmedia_${name}`);
const idOf = async ({ name }: Machine): Promise<string> => (await one.app.sync.hosts.show(name)).id;

/** Rows of which some fields, or parts of them, hold something else than they should. */
function garble(full: Record<string, unknown>, seed: number): Record<string, unknown>[] {
  const changed = fc
    .array(
      fc.record({
        field: fc.constantFrom(...Object.keys(full)),
        how: fc.constantFrom('replace', 'remove', 'inside'),
        value: strangeValue,
      }),
      { minLength: 1, maxLength: 3 },
    )
    .map((changes) => {
      const row: Record<string, unknown> = structuredClone(full);
      for (const { field, how, value } of changes) {
        const before = row[field];
        if (how === 'remove') Reflect.deleteProperty(row, field);
        else if (
          how === 'inside' &&
          typeof before === 'object' &&
          before !== null &&
          !(before instanceof Date)
        )
          row[field] = Array.isArray(before)
            ? [...(before as unknown[]), value]
            : { ...before, x: value };
        else row[field] = value;
      }
      return row;
    });
  const rows = fc.sample(changed, { numRuns: rowsOfEach, seed });
  for (const [field, before] of Object.entries(full)) {
    const found = rows
      .map((row) => row[field])
      .filter((value) => !isDeepStrictEqual(value, before));
    // Every field is missing in some of them, and is something else in others.
    expect([
      field,
      found.includes(undefined),
      found.filter((value) => value !== undefined).length > 3,
    ]).toEqual([field, true, true]);
  }
  return rows;
}

/** The database refuses some of them. @returns how many stand */
async function insert(
  name: string,
  rows: readonly Record<string, unknown>[],
  idAt: (i: number) => string,
): Promise<number> {
  let stand = 0;
  for (const [i, row] of rows.entries()) {
    if (
      await collection(name)
        .insertOne({ ...row, _id: idAt(i) })
        .then(
          () => true,
          () => false,
        )
    )
      stand++;
  }
  return stand;
}

/** Whether a save of either host still reaches the other one. */
async function delivers(name: string): Promise<boolean> {
  for (const [from, to] of [
    [one, two],
    [two, one],
  ] as const) {
    const path = `${dir}/${name}-${from.name}.jpg`;
    await from.write(path, path);
    await from.app.Photo.create({ title: name, file: path });
    if (
      !(await until(async () => (await to.read(path)) === path, { timeout: 30_000 }).then(
        () => true,
        () => false,
      ))
    )
      return false;
  }
  return true;
}

/** All strange rows are recorded as unreadable, or are well-formed. */
async function isClean(name: string, filter: mongo.Filter<AnyRow>): Promise<boolean> {
  return (await collection(name).countDocuments(filter)) === 0;
}

test('ledger entries with any content keep no other from being delivered, and are reported', async () => {
  const [origin, pending] = [await idOf(one), await idOf(two)];
  const full = {
    version: randomUUID(),
    kind: 'file',
    info: { size: 1, mtime: 1, nanos: 0, sha256: 'a'.repeat(64) },
    superseded: [{ size: 1, mtime: 1, version: 'v', conflicting: false }],
    origin,
    capturedBy: origin,
    heldBy: [origin],
    stamps: { [origin]: '1:2' },
    pending: [pending],
    dueAt: new Date(0),
    unverified: true,
    blocked: [
      {
        host: pending,
        failure: { code: 'X', message: 'x', retryable: true, scope: 'path' },
        since: new Date(1),
        retryAt: new Date(2),
      },
    ],
    savedBy: { model: 'Photo', id: '1' },
    capturedAt: new Date(1),
  };
  const rows = garble(full, 1);
  // Half of them at paths at which files come to lie.
  const stand = await insert(
    'ledger',
    rows,
    (i) => `${dir}/${i % 2 === 0 ? 'strange' : 'taken'}-${String(i)}.jpg`,
  );
  expect(stand).toBeGreaterThan(rowsOfEach / 2);
  for (let i = 1; i < 40; i += 2) {
    await two.write(`${dir}/taken-${String(i)}.jpg`, String(i));
    await two.app.Photo.create({ title: 'taken', file: `${dir}/taken-${String(i)}.jpg` });
  }
  hostile.triedAll(rows, !(await delivers('ledger')));
  for (let i = 1; i < 40; i += 2)
    await until(async () => (await one.read(`${dir}/taken-${String(i)}.jpg`)) === String(i), {
      timeout: 30_000,
    });
  await one.app.sync.push();
  const { unreadableRows } = await one.app.sync.status();
  expect(unreadableRows.count).toBeGreaterThan(20);
  expect(unreadableRows.newest[0]).toMatchObject({
    collection: 'syncmedia_ledger',
    fields: expect.any(Array) as string[],
  });
  expect(
    one.app.log
      .concat(two.app.log)
      .some(
        (line) =>
          line.includes('syncmedia_ledger') &&
          line.includes('hold something else than they should'),
      ),
  ).toBe(true);
  expect((await one.app.sync.doctor()).find(({ name }) => name === 'database rows')).toMatchObject({
    state: 'failed',
    remedy: expect.stringContaining('syncmedia_unreadable') as string,
  });
}, 120_000);

test('captures with any content keep no other from being processed', async () => {
  const host = await idOf(one),
    seen = { size: 1, mtime: 1, nanos: 0 };
  const full = {
    host,
    dueAt: new Date(0),
    savedBy: { model: 'Photo', id: '1' },
    touched: [`${dir}/nowhere.jpg`],
    unreferenced: [`${dir}/left.jpg`],
    unreferencedSince: new Date(1),
    rescan: [{ dir, after: 1 }],
    asserted: [{ path: `${dir}/nowhere.jpg`, info: seen }],
  };
  const rows = garble(full, 2);
  expect(await insert('captures', rows, (i) => `strange-${String(i)}`)).toBeGreaterThan(
    rowsOfEach / 2,
  );
  hostile.triedAll(rows, !(await delivers('captures')));
  // What is due is looked at and goes; the others are another host's, or say that they are due at
  // no time.
  await until(() => isClean('captures', { host, dueAt: { $lte: new Date() } }), {
    timeout: 30_000,
  });
}, 120_000);

test('runs that hold anything keep no other from being carried out', async () => {
  const at = await idOf(one),
    other = await idOf(two);
  const full = {
    kind: 'verify',
    at,
    hosts: [other],
    dirs: [dir],
    dryRun: true,
    repair: false,
    state: 'requested',
    files: 0,
    bytes: 0,
    filesFound: 0,
    bytesFound: 0,
    failures: [],
    requestedAt: new Date(1),
    requestedBy: 'somebody',
  };
  const rows = garble(full, 3);
  const malformed = rows.filter(({ hosts, dirs }) => !Array.isArray(hosts) || !Array.isArray(dirs));
  expect(malformed.length).toBeGreaterThan(20);
  expect(await insert('runs', malformed, (i) => `strange-${String(i)}`)).toBeGreaterThan(10);
  const { id } = await one.app.sync.push({ hosts: ['two'] });
  const isDone = await until(async () => (await one.app.sync.runs.show(id)).state === 'done', {
    timeout: 30_000,
  }).then(
    () => true,
    () => false,
  );
  hostile.triedAll(malformed, !isDone);
  expect((await one.app.sync.runs.list(100)).map((run) => run.id)).toContain(id);
  await until(() => isClean('runs', { at, state: { $in: ['requested', 'running'] } }), {
    timeout: 60_000,
  });
}, 120_000);

test('entries of the audit log that hold anything hide no other', async () => {
  const rows = garble(
    { at: new Date(), by: 'somebody', what: 'push', args: '[]', host: 'a', outcome: 'done' },
    4,
  );
  await one.app.sync.as('ann').push({ hosts: ['two'] });
  expect(await insert('audit', rows, (i) => `strange-${String(i)}`)).toBeGreaterThan(
    rowsOfEach / 2,
  );
  const listed = await one.app.sync.audit.list(1_000);
  hostile.triedAll(rows, !listed.some(({ by }) => by.includes('ann')));
  for (const { at, by, what } of listed)
    expect([at instanceof Date, typeof by, typeof what]).toEqual([true, 'string', 'string']);
});

test('rules of sync dirs that hold anything keep no other from counting, and no process from starting', async () => {
  const full = {
    exclude: ['*.tmp'],
    conflict: 'newer',
    onDelete: 'keep',
    models: ['Photo'],
    seal: 'x',
  };
  const rows = garble(full, 5);
  expect(await insert('syncdirs', rows, (i) => `strange/${String(i)}`)).toBeGreaterThan(
    rowsOfEach / 2,
  );
  const own = rows.slice(0, 20);
  for (const { _id: _, ...row } of own as AnyRow[]) {
    // The database refuses some of them.
    await collection('syncdirs')
      .replaceOne({ _id: dir }, row)
      .catch(() => undefined);
    await one.app.sync.status();
  }
  hostile.triedAll(rows, !(await delivers('syncdirs')));
  const again = await two.startApp();
  hostile.triedAll(own, !(await again.sync.status()).syncDirs.some(({ path }) => path === dir));
  await again.close();
}, 120_000);

test('rows of any collection with anything as their id keep no host from delivering, starting and being initialised', async () => {
  const host = await idOf(one),
    pending = await idOf(two);
  const rows: Record<string, Record<string, unknown>> = {
    syncdirs: { exclude: [], conflict: 'newer', onDelete: 'keep' },
    ledger: {
      version: 'v',
      kind: 'file',
      info: { size: 1, mtime: 1, nanos: 0 },
      superseded: [],
      heldBy: [],
      blocked: [],
      dueAt: new Date(0),
      capturedAt: new Date(1),
    },
    captures: {
      dueAt: new Date(0),
      touched: [`${dir}/nowhere.jpg`],
      unreferenced: [],
      asserted: [],
    },
    runs: {
      kind: 'verify',
      hosts: [],
      dirs: [dir],
      dryRun: true,
      repair: false,
      state: 'requested',
      files: 0,
      bytes: 0,
      filesFound: 0,
      bytesFound: 0,
      failures: [],
      requestedAt: new Date(1),
      requestedBy: 'x',
    },
    audit: { by: 'x', what: 'push', args: '[]', outcome: 'done' },
    unreadable: { collection: 'x', row: {}, fields: [] },
    meta: { format: 1 },
  };
  for (const [name, row] of Object.entries(rows)) {
    let stand = 0;
    for (const _id of strangeIds) {
      const whole = {
        ...row,
        _id,
        host,
        origin: host,
        capturedBy: host,
        pending: [pending],
        at: name === 'runs' ? host : new Date(1),
      };
      if (
        await collection(name)
          .insertOne(whole as never)
          .then(
            () => true,
            () => false,
          )
      )
        stand++;
    }
    expect([name, stand > strangeIds.length / 2]).toEqual([name, true]);
  }
  hostile.triedAll(
    Object.keys(rows).flatMap(() => strangeIds),
    !(await delivers('ids')),
  );
  await one.app.sync.hosts.init();
  await one.app.sync.doctor();
  const again = await two.startApp();
  expect((await again.sync.status()).hosts.length).toBe(2);
  await again.close();
}, 120_000);

test('the ledger forgets a host whatever the content of the other rows', async () => {
  const gone = await idOf(two),
    origin = await idOf(one);
  const full = {
    version: 'v',
    kind: 'file',
    superseded: [],
    origin,
    capturedBy: origin,
    heldBy: [origin, gone],
    pending: [gone],
    dueAt: new Date(0),
    blocked: [],
    capturedAt: new Date(1),
  };
  const rows = ['heldBy', 'pending', 'blocked'].flatMap((field) =>
    [gone, { host: gone }, null, 1].map((value) => ({ ...full, [field]: value })),
  );
  // Before every valid entry, in the order of the collection's ids.
  await insert('ledger', rows, (i) => `${dir}/!strange-${String(i)}.jpg`);
  const mentions = (): Promise<AnyRow[]> =>
    collection('ledger')
      .find({ $nor: [{ _id: /strange|taken/ }], $or: [{ pending: gone }, { heldBy: gone }] })
      .toArray();
  expect(await mentions()).not.toEqual([]);
  await one.app.sync.hosts.unregister('two');
  hostile.triedAll(rows, await mentions());
});

test('a meta document with any content is reported, with the remedy', async () => {
  const values = [null, 1, {}, { $ne: null }, [], ''.padEnd(10, 'x')];
  for (const value of values) {
    await collection('meta').updateOne({ _id: 'syncmedia' }, { $set: { databaseId: value } });
    const error = await one.app.sync.hosts.init({}).catch((thrown: unknown) => thrown);
    hostile.tried(value, (error as { code?: string }).code !== 'BAD_STATE');
  }
});
