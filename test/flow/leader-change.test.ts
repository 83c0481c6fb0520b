import { mkdir, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Tuning } from '../../src/config/config.js';
import { compileProgram } from '../harness/compile.js';
import { startTalker, type Talker } from '../harness/talker.js';
import { until } from '../harness/wait.js';
import { dir, openSite, type App, type Machine, type Site } from './site.js';

/**
 * With these clocks nothing happens only because time has passed: a lease runs out, a capture is
 * due, and own files are re-checked, after ten minutes.
 */
const patient: Partial<Tuning> = {
  leaseMs: 600_000,
  beatMs: 200_000,
  pollMs: 600_000,
  fullPollMs: 600_000,
  captureDueMs: 600_000,
  recheckOriginMs: 600_000,
};
const program = compileProgram(new URL('worker-app.ts', import.meta.url));
const isLinux = process.platform === 'linux';
const slow = { timeout: 30_000 };

let site: Site, one: Machine, two: Machine;
const workers: Talker[] = [];
beforeEach(async () => {
  site = await openSite({ hosts: ['one', 'two'] });
  [one, two] = site.machines as [Machine, Machine];
  await one.app.close();
});
afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.kill();
  await site.close();
});

async function startWorker(tuning: Partial<Tuning> = patient): Promise<Talker> {
  const worker = startTalker(
    program,
    [site.database.uri, dir, JSON.stringify(tuning)],
    one.environment,
  );
  workers.push(worker);
  await until(() => worker.lines.includes('started'), slow);
  return worker;
}
const startPatient = (): Promise<App> => one.startApp({ tuning: patient });
const file = (name: string): string => `${dir}/${name}.jpg`;
const arrives = (name: string): Promise<unknown> =>
  until(async () => (await two.read(file(name))) === name, {
    ...slow,
    what: `${name} on host two`,
  });
const save = async (worker: Talker, name: string): Promise<void> => {
  await one.write(file(name), name);
  expect(await worker.ask(file(name))).toBe('saved');
};

test.skipIf(!isLinux)(
  'the next process delivers the files that a killed process had not delivered, as soon as it has started',
  async () => {
    await two.ssh.stop({ hard: true });
    const killed = await startWorker();
    await save(killed, 'first');
    await killed.kill();
    await two.ssh.start();
    const next = await startWorker();
    await arrives('first');
    expect(await next.ask('ready?')).toBe('true');
    await save(next, 'second');
    await arrives('second');
  },
  120_000,
);

test.skipIf(!isLinux)(
  'when the leader is killed another process leads at once, and its saves arrive',
  async () => {
    const leader = await startWorker(),
      other = await startWorker();
    await save(other, 'by the leader');
    await arrives('by the leader');
    await leader.kill();
    await save(other, 'by itself');
    await arrives('by itself');
    expect(await other.ask('ready?')).toBe('true');
  },
  120_000,
);

test('a process that closes hands over to another one, with all that was saved meanwhile', async () => {
  const first = await startPatient();
  const [second, third] = [await startPatient(), await startPatient()];
  const saved: string[] = [];
  let isOver = false;
  const saving = (async () => {
    for (let i = 0; !isOver || i < 20; i++) {
      const name = `n${String(i)}`;
      await one.write(file(name), name);
      await (i % 2 ? second : third).Photo.create({ title: name, file: file(name) });
      saved.push(name);
    }
  })();
  await until(() => saved.length > 5, slow);
  await first.close();
  await until(
    async () =>
      (await Promise.all([second, third].map(({ sync }) => sync.isReady()))).every(Boolean),
    slow,
  );
  isOver = true;
  await saving;
  for (const name of saved) await arrives(name);
  await until(async () => (await second.sync.status()).captures === 0, slow);
  expect(
    [...first.log, ...second.log, ...third.log].filter((line) => line.startsWith('error')),
  ).toEqual([]);
}, 120_000);

test('a reload of two workers, each of which closes once a new one has started, delivers the saves of all of them', async () => {
  let [a, b] = [await startPatient(), await startPatient()];
  for (const round of ['1', '2']) {
    const [c, d] = [await startPatient(), await startPatient()];
    await a.close();
    await one.write(file(`after a${round}`), `after a${round}`);
    await d.Photo.create({ title: 'x', file: file(`after a${round}`) });
    await b.close();
    await one.write(file(`after b${round}`), `after b${round}`);
    await c.Photo.create({ title: 'x', file: file(`after b${round}`) });
    await arrives(`after a${round}`);
    await arrives(`after b${round}`);
    [a, b] = [c, d];
  }
}, 120_000);

test('a file saved while no process leads is delivered by the next process that starts, without waiting for a timer', async () => {
  const saver = await one.startApp({ start: false, tuning: patient });
  await one.write(file('alone'), 'alone');
  await saver.Photo.create({ title: 'x', file: file('alone') });
  await startPatient();
  await arrives('alone');
}, 60_000);

test('starting resolves when a process of the host leads; the host is ready then, and not while none leads', async () => {
  const idle = await one.startApp({ start: false });
  await until(async () => !(await idle.sync.isReady()), slow);
  const first = await startPatient();
  expect(await first.sync.isReady()).toBe(true);
  const second = await startPatient();
  expect(await second.sync.isReady()).toBe(true);
  // A recent look-up may be answered once more.
  await until(() => idle.sync.isReady(), slow);
  await first.close();
  await until(() => second.sync.isReady(), slow);
  await second.close();
  await until(async () => !(await idle.sync.isReady()), slow);
}, 60_000);

test('while the process that leads stands still the host is not ready, and another process follows when the lease time is over', async () => {
  const leader = await startWorker({ leaseMs: 4_000, beatMs: 300 });
  const other = await one.startApp({ tuning: { leaseMs: 4_000 } });
  await until(() => other.sync.isReady(), slow);
  leader.child.kill('SIGSTOP');
  await until(async () => !(await other.sync.isReady()), slow);
  await one.write(file('meanwhile'), 'meanwhile');
  await other.Photo.create({ title: 'x', file: file('meanwhile') });
  await arrives('meanwhile');
  await until(() => other.sync.isReady(), slow);
  leader.child.kill('SIGCONT');
  await save(leader, 'woken');
  await arrives('woken');
}, 120_000);

test('a process that leads listens anew where its socket was removed or replaced', async () => {
  const socket = join(one.ssh.stateDir, 'leader.sock');
  await one.startApp();
  for (const change of [
    () => rm(socket),
    async () => {
      await writeFile(`${socket}.other`, 'of somebody else');
      await rename(`${socket}.other`, socket);
    },
  ]) {
    await change();
    const other = await one.startApp();
    await until(() => other.sync.isReady(), slow);
    await other.close();
  }
}, 60_000);

test('a process that cannot make its socket delivers all the same, says so once, and makes the socket as soon as that works', async () => {
  const socket = join(one.ssh.stateDir, 'leader.sock');
  await rm(socket, { force: true });
  await mkdir(socket);
  const leader = await one.startApp();
  const other = await one.startApp();
  await one.write(file('by the leader'), 'by the leader');
  await leader.Photo.create({ title: 'x', file: file('by the leader') });
  await arrives('by the leader');
  await one.write(file('by the other'), 'by the other');
  await other.Photo.create({ title: 'x', file: file('by the other') });
  await arrives('by the other');
  expect(await leader.sync.isReady()).toBe(true);
  const { length: told } = leader.log.filter((line) =>
    line.includes('listening for the other processes'),
  );
  expect(told).toBe(1);
  // The leader tries again meanwhile, under such a name.
  await until(async () =>
    (await readdir(one.ssh.stateDir)).every((name) => !name.startsWith('l.')),
  );
  await rmdir(socket);
  await until(() => other.sync.isReady(), slow);
}, 60_000);

test('a host that is not registered starts all the same', async () => {
  const app = await one.startApp({ start: false });
  await app.connection
    .collection('syncmedia_hosts')
    .updateOne({ hostname: 'one' }, { $set: { status: 'retired' } });
  await app.sync.start();
  expect(await app.sync.isReady()).toBe(false);
}, 30_000);
