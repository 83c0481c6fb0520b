import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import mongoose from 'mongoose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ensureIndexes, hostRows, type HostRows } from '../../src/hosts/host-model.js';
import { Lease, type LeaseOptions } from '../../src/hosts/lease.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { until } from '../harness/wait.js';
import { interruptible } from './interruption.js';
import { makeRow } from './rows.js';

const leaseMs = 1500;
const beatMs = 100;

let database: TestDatabase;
let rows: HostRows;
let leases: Lease[];
let said: string[];
beforeAll(async () => {
  database = await testDatabase();
  rows = hostRows(database.connection, 'p_');
  await ensureIndexes(rows);
});
afterAll(() => database.close());
beforeEach(async () => {
  leases = [];
  said = [];
  await rows.deleteMany({});
  await rows.insertOne(makeRow('a'));
});
afterEach(async () => { await Promise.all(leases.map((lease) => lease.stop())); });

function make(options: Partial<LeaseOptions> = {}): Lease {
  const say = (message: string): void => { said.push(message); };
  const lease = new Lease({ rows: () => rows, host: 'a', leaseMs, beatMs, log: { info: say, warn: say, error: say }, ...options });
  leases.push(lease);
  return lease;
}
function start(options: Partial<LeaseOptions> = {}): Lease {
  const lease = make(options);
  lease.start();
  return lease;
}
const holders = (): Lease[] => leases.filter((lease) => lease.held());
const stored = async () => (await rows.findOne({ _id: 'a' }))?.lease;

describe('Lease', () => {
  test('is taken at once where nobody holds it, beats, and is given back', async () => {
    const changes: boolean[] = [];
    const lease = make({ software: { syncmedia: '1', node: '2' } });
    lease.onChange((held) => changes.push(held));
    expect(lease.held()).toBe(false);
    lease.start();
    lease.start();
    await until(() => lease.held());
    await until(async () => ((await stored())?.beat ?? 0) >= 2);
    expect((await stored())?.holder).toBe(lease.holder);
    expect((await rows.findOne({ _id: 'a' }))?.software).toEqual({ syncmedia: '1', node: '2' });
    await Promise.all([lease.stop(), lease.stop()]);
    expect(lease.held()).toBe(false);
    expect(await stored()).toBeUndefined();
    expect(changes[0]).toBe(true);
    expect(changes.at(-1)).toBe(false);
    expect(said).toEqual([]);
  });

  test('of 40 rivals has one winner, and again when that one is gone', async () => {
    const overlaps: number[] = [];
    for (let n = 0; n < 40; n++) make().onChange(() => { if (holders().length > 1) overlaps.push(holders().length); });
    for (const lease of leases) lease.start();
    for (let round = 0; round < 3; round++) {
      const winner = await until(() => holders()[0], { timeout: 10_000 });
      await until(async () => ((await stored())?.beat ?? 0) >= 3);
      expect(holders()).toEqual([winner]);
      await winner.stop();
      leases = leases.filter((lease) => lease !== winner);
    }
    expect(overlaps).toEqual([]);
  });

  test('is lost by its own deadline before a rival takes it from one whom the database does not hear', { timeout: 30_000 }, async (context) => {
    const wire = await interruptible(database.uri) ?? context.skip('the database has several hosts: its wire cannot be cut');
    const far = await mongoose.createConnection(wire.uri).asPromise();
    try {
      const cutOff = start({ rows: () => hostRows(far, 'p_') });
      await until(() => cutOff.held());
      const whenTaken: boolean[] = [];
      const rival = make();
      rival.onChange((held) => { if (held) whenTaken.push(cutOff.held()); });
      rival.start();
      wire.hang();
      await until(() => rival.held(), { timeout: 10_000 });
      expect(whenTaken).toEqual([false]);
      const message = `the lease of this host could not be looked after: the database did not answer within ${String(leaseMs)} ms.`;
      await until(() => said.includes(message));
      wire.mend();
      await rival.stop();
      await until(() => cutOff.held(), { timeout: 20_000 });
      await cutOff.stop();
    } finally {
      wire.mend(); // Closing would wait for answers.
      await far.close(true);
      await wire.close();
    }
  });

  test('is lost while the database is away, and gained again', { timeout: 30_000 }, async (context) => {
    const wire = await interruptible(database.uri) ?? context.skip('the database has several hosts: its wire cannot be cut');
    const far = await mongoose.createConnection(wire.uri, { serverSelectionTimeoutMS: 500 }).asPromise();
    try {
      const changes: boolean[] = [];
      const lease = make({ rows: () => hostRows(far, 'p_') });
      lease.onChange((held) => changes.push(held));
      lease.start();
      await until(() => lease.held());
      wire.cut();
      await until(() => changes.at(-1) === false, { timeout: 10_000 });
      expect(lease.held()).toBe(false);
      wire.mend();
      await until(() => lease.held(), { timeout: 20_000 });
      expect(changes.at(-1)).toBe(true);
      wire.cut();
      await lease.stop(); // Bounded, and says why it could not be given back.
      expect(said.at(-1)).toContain('could not be given back');
    } finally {
      wire.mend(); // Closing would wait for answers.
      await far.close(true);
      await wire.close();
    }
  });

  test('goes over from a holder of an earlier boot that does not beat', async () => {
    await rows.updateOne({ _id: 'a' }, { $set: { lease: { holder: 'earlier-boot:1:x', beat: 41 } } });
    const lease = start();
    await until(() => lease.held(), { timeout: 10_000 });
    expect(said).toEqual([]);
  });

  test('is not taken by a host that is retired or unknown; that is said once', async () => {
    await rows.updateOne({ _id: 'a' }, { $set: { status: 'retired' } });
    const retired = start();
    const unknown = start({ host: 'nobody' });
    await until(() => said.length === 2);
    await rows.updateOne({ _id: 'a' }, { $set: { status: 'approved' } });
    await until(() => retired.held());
    await rows.updateOne({ _id: 'a' }, { $set: { status: 'retired' } });
    await until(() => !retired.held());
    await until(() => said.length === 3);
    expect(said.filter((message) => message.includes('was unregistered')).length).toBe(2);
    expect(unknown.held()).toBe(false);
    expect((await rows.findOne({ _id: 'nobody' }))).toBeNull();
  });

  test('a take that was answered too late is carried on, not left to nobody', async () => {
    const lease = make();
    await rows.updateOne({ _id: 'a' }, { $set: { lease: { holder: lease.holder, beat: 0 } } });
    lease.start();
    await until(() => lease.held());
  });

  test('of a machine and its copy stops both, every process of them, until they are started again', async () => {
    const cloned: string[] = [];
    const onCloned = (error: Error): void => { cloned.push(error.message); };
    const first = start({ bootId: 'original', onCloned });
    await until(() => first.held());
    const second = start({ bootId: 'original', onCloned });
    const looked = (await stored())?.beat ?? 0;
    await until(async () => ((await stored())?.beat ?? 0) > looked + 3);
    // It has looked before the other one marks: one that starts later takes the mark for an old one.
    let looks = 0;
    start({ bootId: 'copy', onCloned, beatMs: 2_000, rows: () => { looks++; return rows; } });
    await until(() => looks > 0);
    start({ bootId: 'copy', onCloned });
    await until(() => cloned.length === 4, { timeout: 10_000 });
    expect(holders()).toEqual([]);
    expect(new Set(cloned).size).toBe(1);
    expect(cloned[0]).toMatch(/two machines run with the host id a \(original:.* and copy:.*\): remove the state folder on the copy/);
    expect((await rows.findOne({ _id: 'a' }))?.halted.HOST_CLONED).toMatchObject({ code: 'HOST_CLONED', retryable: false });
    await Promise.all(leases.map((lease) => lease.stop()));
    expect(await stored()).toBeUndefined();
    expect(second.held()).toBe(false);
    const again = start({ bootId: 'original', onCloned });
    await until(() => again.held());
    expect((await rows.findOne({ _id: 'a' }))?.halted).toEqual({});
    expect(cloned.length).toBe(4);
  });
});

describe('a process with the lease', () => {
  let child: ChildProcess;
  let printed = '';
  beforeEach(async () => {
    printed = '';
    const program = fileURLToPath(new URL('./hold-lease.ts', import.meta.url));
    child = spawn(process.execPath, ['--import', 'tsx', program, database.uri, 'a', String(leaseMs), String(beatMs)], { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdout?.setEncoding('utf8').on('data', (text: string) => { printed += text; });
    await until(() => printed.includes('held\n'), { timeout: 15_000 });
  });
  afterEach(async () => {
    child.kill('SIGCONT');
    child.kill('SIGKILL');
    await until(() => child.exitCode !== null || child.signalCode !== null);
  });

  test('that is killed is followed by another', async () => {
    const other = start();
    child.kill('SIGKILL');
    await until(() => other.held(), { timeout: 10_000 });
  });

  test('that ends in order gives it back', async () => {
    child.stdin?.end();
    await until(() => child.exitCode === 0);
    expect(printed).toMatch(/held\nlost\n$/);
    expect(await stored()).toBeUndefined();
  });

  test('that stood still does not believe it has it when it goes on', async () => {
    const other = start();
    child.kill('SIGSTOP');
    await until(() => other.held(), { timeout: 10_000 });
    child.stdin?.write('?');
    child.kill('SIGCONT');
    await until(() => printed.includes('asked'));
    expect(printed).toContain('asked false');
    await until(() => printed.includes('lost\n'));
    await until(() => other.held());
  });
});
