import { createHash, randomBytes } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { HistoryVersion } from '../../src/api/history.js';
import { gateIsMissing } from '../gate/confined.js';
import { until } from '../harness/wait.js';
import { dir, openSite, threeOf, untilNothingPending, type Machine, type Site } from './site.js';

const environment = { SYNCMEDIA_BACKEND: 'git' };
const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
/** Larger than what a host keeps in memory. */
const makeLarge = (): Buffer => randomBytes(1_500_000);

const broken = new Set<() => Promise<void>>();

/** Takes the history of a host away, and returns what brings it back. */
async function breakHistory({ ssh }: Machine): Promise<() => Promise<void>> {
  const repository = join(ssh.stateDir, 'git');
  await rename(repository, `${repository}.away`);
  await writeFile(repository, 'no directory');
  const repair = async (): Promise<void> => {
    if (!broken.delete(repair)) return;
    // The host tries again meanwhile, and may have begun a new one.
    await until(async () => {
      await rm(repository, { recursive: true, force: true });
      await rename(`${repository}.away`, repository);
      return true;
    });
  };
  broken.add(repair);
  return repair;
}

/** Saves a file that replaces the one at its path by another name, and waits for its entry. */
async function save({ app, path, write }: Machine, file: string, bytes: Buffer): Promise<void> {
  await write(`${file}.tmp`, bytes);
  await rename(path(`${file}.tmp`), path(file));
  await app.Photo.create({ title: 'x', file });
  await until(
    async () => {
      const [status] = (await app.sync.statusOf(file)).files;
      return status?.captured === true && status.pendingCaptures === undefined;
    },
    { what: `the entry of ${file}` },
  );
}

/** Waits until the history of a host has the bytes of exactly these versions. */
async function untilStored(
  { app, name }: Machine,
  file: string,
  contents: Buffer[],
): Promise<HistoryVersion[]> {
  const wanted = contents.map(hash).sort();
  const versions = await until(
    async () => {
      const listed = await app.sync.history.list(file);
      const stored = listed.filter(({ as }) => as === 'stored').map(({ info }) => info?.sha256);
      if (JSON.stringify(stored.sort()) === JSON.stringify(wanted)) return listed;
      throw new Error(`it lists ${JSON.stringify(listed)}`);
    },
    { what: `${String(contents.length)} stored versions on ${name}`, timeout: 30_000 },
  );
  for (const { info, revision } of versions) {
    const chunks: Uint8Array[] = [];
    for await (const bytes of await app.sync.history.read(file, revision)) chunks.push(bytes);
    expect(hash(Buffer.concat(chunks))).toBe(info?.sha256);
  }
  return versions;
}

describe.skipIf(gateIsMissing !== undefined)(
  'versions that are replaced before their record',
  () => {
    let site: Site;
    let one: Machine, two: Machine;

    beforeAll(async () => {
      site = await openSite({ environment, plugin: { onDelete: 'propagate' } });
      [one, two] = threeOf(site);
      await save(one, `${dir}/first.jpg`, Buffer.from('first'));
      await untilStored(one, `${dir}/first.jpg`, [Buffer.from('first')]);
      await untilNothingPending(site);
    });
    afterEach(async () => {
      for (const repair of broken) await repair();
    });
    afterAll(async () => {
      await site.close();
    });

    test('after a restart it is recorded from the trash of another host', async () => {
      const file = `${dir}/restarted.jpg`,
        contents = [makeLarge(), makeLarge(), Buffer.from('small')];
      const repair = await breakHistory(one);
      for (const content of contents) {
        await save(one, file, content);
        await untilNothingPending(site);
      }
      await one.app.close();
      await repair();
      one.app = await one.startApp();
      await untilStored(one, file, contents);
    });

    test('while the hosts that may have its bytes are away, it waits', async () => {
      const file = `${dir}/waiting.jpg`,
        contents = [makeLarge(), Buffer.from('small')] as const;
      const repair = await breakHistory(one);
      for (const content of contents) {
        await save(one, file, content);
        await untilNothingPending(site);
      }
      await one.app.close();
      await repair();
      for (const { ssh } of site.machines.slice(1)) await ssh.stop({ hard: true });
      one.app = await one.startApp();
      await untilStored(one, file, [contents[1]]);
      const describeOne = async (): Promise<number | undefined> =>
        (await one.app.sync.status()).hosts.find(({ hostname }) => hostname === 'one')?.history
          ?.unrecorded;
      await until(async () => (await describeOne()) === 1);
      for (const { ssh } of site.machines.slice(1)) await ssh.start();
      await untilStored(one, file, [...contents]);
      await until(async () => (await describeOne()) === 0);
    });

    test('one that another host has replaced is recorded from the trash here', async () => {
      const file = `${dir}/elsewhere.jpg`,
        [early, late] = [makeLarge(), makeLarge()];
      const repair = await breakHistory(one);
      await save(one, file, early);
      await untilNothingPending(site);
      await one.app.close();
      await save(two, file, late);
      await repair();
      one.app = await one.startApp();
      const versions = await untilStored(one, file, [early, late]);
      expect(versions.map(({ hostname }) => hostname)).toEqual(['two', 'one']);
    });

    test('a delete and a file that comes back are both in the history', async () => {
      const file = `${dir}/back.jpg`,
        contents = [Buffer.from('before'), Buffer.from('after')] as const;
      const repair = await breakHistory(one);
      await save(one, file, contents[0]);
      await untilNothingPending(site);
      await rm(one.path(file));
      await one.app.Photo.deleteOne({ file });
      await until(async () => (await two.read(file)) === undefined);
      await untilNothingPending(site);
      await save(one, file, contents[1]);
      await one.app.close();
      await repair();
      one.app = await one.startApp();
      await until(
        async () =>
          (await one.app.sync.history.list(file)).map(({ as }) => as).join() ===
          'stored,removed,stored',
      );
    });

    test('a version that was current for longer than the history keeps it is recorded when it is replaced', async () => {
      const file = `${dir}/old.jpg`,
        contents = [makeLarge(), Buffer.from('new')];
      await save(one, file, contents[0]!);
      await untilStored(two, file, [contents[0]!]);
      await untilNothingPending(site);
      // As if it had been captured two months ago: no history has it any more.
      for (const { app } of site.machines) await app.sync.history.forget(file);
      await until(async () => (await two.app.sync.history.list(file)).length === 0);
      await site.database.connection.collection('syncmedia_forgotten').deleteMany({});
      await site.database.connection
        .collection<{ _id: string }>('syncmedia_ledger')
        .updateOne({ _id: file }, { $set: { capturedAt: new Date(Date.now() - 60 * 86_400_000) } });
      await save(two, file, contents[1]!);
      await untilStored(two, file, contents);
    });

    test('what was to be forgotten is not recorded when it is replaced', async () => {
      const file = `${dir}/forgotten.jpg`;
      const capturedAt = new Date(Date.now() - 2 * 86_400_000);
      await save(one, file, Buffer.from('private'));
      await untilStored(one, file, [Buffer.from('private')]);
      await one.app.sync.history.forget(file);
      // A history dates its records in whole seconds, and forgets all of the request's second.
      const asked = Date.now();
      await until(async () => (await one.app.sync.history.list(file)).length === 0);
      await until(() => Date.now() > asked + 1_000);
      await site.database.connection
        .collection<{ _id: string }>('syncmedia_ledger')
        .updateOne({ _id: file }, { $set: { capturedAt } });
      await save(one, file, Buffer.from('public'));
      await until(async () =>
        (await one.app.sync.status()).hosts.every(({ history }) => history?.unrecorded === 0),
      );
      await untilStored(one, file, [Buffer.from('public')]);
    });

    test('what a retired host has not recorded, another one records', async () => {
      const file = `${dir}/retired.jpg`,
        content = makeLarge();
      await breakHistory(one);
      await save(one, file, content);
      await untilNothingPending(site);
      await one.app.close();
      await two.app.sync.hosts.unregister('one');
      const others = site.machines.slice(1);
      await until(
        async () => {
          const listed = await Promise.all(others.map(({ app }) => app.sync.history.list(file)));
          return listed.some((versions) => versions.some(({ as }) => as === 'stored'));
        },
        { what: 'a version that another host has recorded', timeout: 30_000 },
      );
    });
  },
);

test('a large version is recorded from its open file, though the app has replaced it', async () => {
  const single = await openSite({ hosts: ['one'], environment });
  const [machine] = single.machines as [Machine];
  try {
    const file = `${dir}/open.jpg`,
      contents = [makeLarge(), makeLarge(), makeLarge()];
    await save(machine, `${dir}/first.jpg`, Buffer.from('first'));
    await untilStored(machine, `${dir}/first.jpg`, [Buffer.from('first')]);
    const repair = await breakHistory(machine);
    for (const content of contents) await save(machine, file, content);
    await repair();
    await untilStored(machine, file, contents);
  } finally {
    await single.close();
  }
});

test('a process that is closed records what only its memory has', async () => {
  const single = await openSite({ hosts: ['one'], environment });
  const [machine] = single.machines as [Machine];
  try {
    const file = `${dir}/closing.jpg`,
      contents = [Buffer.from('in memory'), makeLarge(), Buffer.from('current')];
    await save(machine, `${dir}/first.jpg`, Buffer.from('first'));
    await untilStored(machine, `${dir}/first.jpg`, [Buffer.from('first')]);
    const repair = await breakHistory(machine);
    for (const content of contents) await save(machine, file, content);
    await repair();
    await machine.app.close();
    machine.app = await machine.startApp();
    await untilStored(machine, file, contents);
  } finally {
    await single.close();
  }
});
