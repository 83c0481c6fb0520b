import { mkdir, rm } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { getNativeCollection } from '../../src/util/collections.js';
import { openGateDirs } from '../../src/access/gate.js';
import { endConnections } from '../../src/access/open-connections.js';
import { Ledger } from '../../src/ledger/ledger.js';
import type { LedgerRow } from '../../src/ledger/filters.js';
import { nodeDisk } from '../../src/replica/node-disk.js';
import { writeMarker } from '../../src/replica/marker.js';
import { requireSafePath } from '../../src/replica/paths.js';
import type { Entry } from '../../src/model/entry.js';
import type { HostId } from '../../src/model/host.js';
import { until } from '../harness/wait.js';
import { makeRowReader } from '../harness/row-reader.js';
import { dir, openSite, threeOf, untilNothingPending, type Machine, type Site } from './site.js';

let site: Site, one: Machine, two: Machine, three: Machine, ledger: Ledger;
beforeEach(async () => {
  site = await openSite({ plugin: { rescan: false } });
  [one, two, three] = threeOf(site);
  ledger = new Ledger(
    () => getNativeCollection<LedgerRow>(site.database.connection, 'syncmedia_ledger'),
    makeRowReader(site.database.connection),
  );
});
afterEach(() => site.close());

async function save(machine: Machine, name: string, content: string): Promise<void> {
  await machine.write(`${dir}/${name}`, content);
  await machine.app.Photo.create({ title: name, file: `${dir}/${name}` });
}
const has = (machine: Machine, name: string, content: string): Promise<unknown> =>
  until(async () => (await machine.read(`${dir}/${name}`)) === content, {
    timeout: 15_000,
    what: `${name} on ${machine.name}`,
  });
const idOf = async (name: string): Promise<HostId> => (await one.app.sync.hosts.show(name)).id;
const entryOf = (name: string): Promise<Entry | undefined> =>
  ledger.read(requireSafePath(`${dir}/${name}`));
const statusOf = async (name: string, by: Machine = one) =>
  (await by.app.sync.status()).hosts.find(({ hostname }) => hostname === name);

test('a holder sends the pending files of a host that is unregistered', async () => {
  await three.ssh.stop({ hard: true });
  await save(one, 'a.jpg', 'a');
  await has(two, 'a.jpg', 'a');
  const three_ = await idOf('three');
  await until(async () => (await entryOf('a.jpg'))?.heldBy.length === 2);
  await two.app.sync.hosts.unregister('one');
  await until(
    async () => (await entryOf('a.jpg'))?.origin === (await two.app.sync.hosts.show('two')).id,
    { timeout: 10_000 },
  );
  expect((await entryOf('a.jpg'))?.pending).toEqual([three_]);
  await three.ssh.start();
  await has(three, 'a.jpg', 'a');
});

describe('an origin that lacks its own version', () => {
  test('sees that it has the bytes, and goes on sending', async () => {
    await three.ssh.stop({ hard: true });
    await save(one, 'b.jpg', 'b');
    await has(two, 'b.jpg', 'b');
    await until(async () => (await entryOf('b.jpg'))?.heldBy.length === 2);
    const { path } = (await entryOf('b.jpg')) as Entry;
    // As after a delivery of an older version whose fence failed, without another holder.
    await rm(two.path(path));
    await site.database.connection
      .collection('syncmedia_ledger')
      .updateOne({ _id: path }, { $pull: { heldBy: await idOf('two') } as never });
    await ledger.markPending(path, [await idOf('one')]);
    await three.ssh.start();
    await has(three, 'b.jpg', 'b');
  });

  test('gets it back from a holder if an old file was put back', async () => {
    await one.write(`${dir}/c.jpg`, 'first', 1_000);
    await one.app.Photo.create({ title: 'c', file: `${dir}/c.jpg` });
    await has(two, 'c.jpg', 'first');
    await untilNothingPending(site);
    await save(one, 'c.jpg', 'the second');
    await has(two, 'c.jpg', 'the second');
    await untilNothingPending(site);
    // A scan leaves an older version for a while to the save that may be about to name it.
    await one.app.close();
    one.app = await one.startApp({ tuning: { candidateMs: 1_000 } });
    await one.write(`${dir}/c.jpg`, 'first', 1_000);
    await until(
      async () => {
        const push = await one.app.sync.push();
        await one.app.sync.runs.follow(push.id);
        return (await one.read(`${dir}/c.jpg`)) === 'the second';
      },
      { timeout: 30_000, interval: 500 },
    );
    await untilNothingPending(site);
  });
});

test('bytes that change without size and time are captured before they are sent, and not held back for ever', async () => {
  await three.ssh.stop({ hard: true });
  await one.write(`${dir}/d.jpg`, 'before', 1_700_000_000);
  await one.app.Photo.create({ title: 'd', file: `${dir}/d.jpg` });
  await has(two, 'd.jpg', 'before');
  await one.write(`${dir}/d.jpg`, 'behind', 1_700_000_000);
  await three.ssh.start();
  await has(three, 'd.jpg', 'behind');
  await has(two, 'd.jpg', 'behind');
});

test('a sync dir that a host has not marked yet delays no other sync dir of that host, and its files arrive once it is marked', async () => {
  const videos = requireSafePath('uploads/videos');
  await site.database.connection
    .collection('syncmedia_syncdirs')
    .insertOne({ _id: videos as never, exclude: [], conflict: 'newer', onDelete: 'keep' });
  for (const machine of [one, two, three]) {
    // As when its app declares it: the row alone opens nothing to the keys of other hosts.
    await openGateDirs(machine.ssh.stateDir, { root: machine.ssh.root, syncDirs: [] }, [videos]);
    await endConnections(machine.ssh.stateDir, () => false);
  }
  for (const machine of [one, three]) {
    await mkdir(machine.path(videos), { recursive: true });
    await writeMarker(nodeDisk, machine.path(videos), await idOf(machine.name), videos);
  }
  await until(async () =>
    (await one.app.sync.status()).syncDirs.some(({ path }) => path === videos),
  );
  await one.write(`${videos}/v.mp4`, 'v');
  await one.app.sync.capture([`${videos}/v.mp4`]);
  await until(async () => (await three.read(`${videos}/v.mp4`)) === 'v', { timeout: 15_000 });
  await until(async () => (await statusOf('two'))?.failures[0]?.failure.code === 'NO_MARKER', {
    timeout: 15_000,
  });
  await save(one, 'e.jpg', 'e');
  await has(two, 'e.jpg', 'e');
  await until(async () => (await statusOf('two'))?.pending === 1);
  expect(await statusOf('two')).toMatchObject({
    pending: 1,
    failures: [{ failure: { code: 'NO_MARKER' } }],
  });
  const run = await one.app.sync.runs.follow((await one.app.sync.push()).id);
  expect(run).toMatchObject({ state: 'failed', failures: [{ failure: { code: 'NO_MARKER' } }] });
  await mkdir(two.path(videos));
  await writeMarker(nodeDisk, two.path(videos), await idOf('two'), videos);
  await until(async () => (await two.read(`${videos}/v.mp4`)) === 'v', { timeout: 15_000 });
  await until(async () => (await statusOf('two'))?.failures.length === 0, { timeout: 15_000 });
});

test('a pull removes no file that an app has just written and not saved yet', async () => {
  await save(one, 'f.jpg', 'from one');
  await has(two, 'f.jpg', 'from one');
  await untilNothingPending(site);
  await two.write(`${dir}/f.jpg`, 'being uploaded to two');
  await two.app.sync.runs.follow((await two.app.sync.pull()).id);
  expect(await two.read(`${dir}/f.jpg`)).toBe('being uploaded to two');
  await two.app.Photo.create({ title: 'f', file: `${dir}/f.jpg` });
  await has(one, 'f.jpg', 'being uploaded to two');
});

test('a host that works again is not shown as failing, even with nothing pending', async () => {
  await save(one, 'first.jpg', 'x');
  await has(two, 'first.jpg', 'x');
  await untilNothingPending(site);
  await two.ssh.stop({ hard: true });
  await save(one, 'g.jpg', 'g');
  await until(async () => (await statusOf('two'))?.failures.length === 1, { timeout: 15_000 });
  expect((await statusOf('two'))?.deliveredAt).toBeInstanceOf(Date);
  await ledger.releaseHost((await entryOf('g.jpg')) as Entry, await idOf('two'));
  await one.app.close();
  one.app = await one.startApp();
  await two.ssh.start();
  await until(async () => (await statusOf('two', three))?.failures.length === 0, {
    timeout: 15_000,
  });
});

test('work that the leader could not begin is begun once it can', async () => {
  await one.app.close();
  const { db } = site.database.connection;
  const refuse = (validator: object): Promise<unknown> | undefined =>
    db?.command({ collMod: 'syncmedia_hosts', validator, validationLevel: 'moderate' });
  // The database refuses to note that the host is at work; the rows that say so already may be
  // changed.
  await site.database.connection
    .collection('syncmedia_hosts')
    .updateOne({ hostname: 'one' }, { $unset: { lastSeenAt: 1 } });
  await refuse({ lastSeenAt: { $exists: false } });
  one.app = await one.startApp();
  await until(() => one.app.log.some((line) => line.includes('starting as leader')), {
    timeout: 20_000,
  });
  await refuse({});
  await save(one, 'h.jpg', 'h');
  await has(two, 'h.jpg', 'h');
});
