import { link } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import mongoose from 'mongoose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  ensureHostIndexes,
  getHostCollection,
  type HostCollection,
} from '../../src/hosts/host-model.js';
import { Registry } from '../../src/hosts/registry.js';
import { getWakeSocketPath } from '../../src/leader/wake-socket.js';
import { Lease, type LeaseOptions } from '../../src/leader/lease.js';
import { describeThisProcess, readInode } from '../../src/state-dir/process-identity.js';
import { compileProgram } from '../harness/compile.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';
import { until } from '../harness/wait.js';
import { interruptible } from '../hosts/interruption.js';
import {
  namespacesAreMissing,
  startAsPidSix,
  startTalker,
  type Talker,
} from '../harness/talker.js';
import { makeRow } from '../hosts/rows.js';

const leaseMs = 1500;
const beatMs = 100;

let database: TestDatabase;
let rows: HostCollection;
let leases: Lease[];
let said: string[];
beforeAll(async () => {
  database = await testDatabase();
  rows = getHostCollection(database.connection, 'p_');
  await ensureHostIndexes(rows);
});
afterAll(() => database.close());
beforeEach(async () => {
  leases = [];
  said = [];
  await rows.deleteMany({});
  await rows.insertOne(makeRow('a'));
});
afterEach(async () => {
  await Promise.all(leases.map((lease) => lease.stop()));
});

function make(options: Partial<LeaseOptions> = {}): Lease {
  const say = (message: string): void => {
    said.push(message);
  };
  const lease = new Lease({
    rows: () => rows,
    host: 'a',
    leaseMs,
    beatMs,
    log: { info: say, warn: say, error: say },
    ...options,
  });
  leases.push(lease);
  return lease;
}
function start(options: Partial<LeaseOptions> = {}): Lease {
  const lease = make(options);
  lease.start();
  return lease;
}
const holders = (): Lease[] => leases.filter((lease) => lease.isHeld());
const stored = async () => (await rows.findOne({ _id: 'a' }))?.lease;

describe('Lease', () => {
  test('is acquired at once if it is free, beats, and is given back', async () => {
    const changes: boolean[] = [];
    const lease = make({ software: { syncmedia: '1', node: '2' } });
    lease.onChange((held) => changes.push(held));
    expect(lease.isHeld()).toBe(false);
    lease.start();
    lease.start();
    await until(() => lease.isHeld());
    await until(async () => ((await stored())?.beat ?? 0) >= 2);
    expect((await stored())?.leader).toBe(lease.candidateId);
    expect((await rows.findOne({ _id: 'a' }))?.software).toEqual({ syncmedia: '1', node: '2' });
    await Promise.all([lease.stop(), lease.stop()]);
    expect(lease.isHeld()).toBe(false);
    expect(await stored()).toBeUndefined();
    expect(changes[0]).toBe(true);
    expect(changes.at(-1)).toBe(false);
    expect(said).toEqual([]);
  });

  test('finds at a beat that another host has requested a run', async () => {
    let found = 0;
    const lease = start({ onRunRequested: () => found++ });
    await until(() => lease.isHeld());
    const beats = async (): Promise<number> => (await stored())?.beat ?? 0;
    await until(async () => (await beats()) >= 3);
    expect(found).toBe(0);
    const registry = new Registry(() => rows, 'b');
    for (let requested = 1; requested <= 2; requested++) {
      await registry.announceRun('a');
      await until(() => found === requested);
      const before = await beats();
      await until(async () => (await beats()) >= before + 2);
      expect(found).toBe(requested);
    }
  });

  test('of 40 rivals has one winner, and again when that one is gone', async () => {
    const overlaps: number[] = [];
    for (let n = 0; n < 40; n++)
      make().onChange(() => {
        if (holders().length > 1) overlaps.push(holders().length);
      });
    for (const lease of leases) lease.start();
    for (let round = 0; round < 3; round++) {
      const winner = await until(() => holders()[0], { timeout: 10_000 });
      await until(async () => ((await stored())?.beat ?? 0) >= 3);
      expect(holders().length).toBeLessThan(2);
      await winner.stop();
      leases = leases.filter((lease) => lease !== winner);
    }
    expect(overlaps).toEqual([]);
  });

  test(
    'is lost by its own deadline before a rival acquires it from a process without a database',
    { timeout: 30_000 },
    async (context) => {
      const wire =
        (await interruptible(database.uri)) ??
        context.skip('the database has several hosts: its wire cannot be cut');
      const far = await mongoose.createConnection(wire.uri).asPromise();
      try {
        const cutOff = start({ rows: () => getHostCollection(far, 'p_') });
        await until(() => cutOff.isHeld());
        const whenTaken: boolean[] = [];
        const rival = make();
        rival.onChange((held) => {
          if (held) whenTaken.push(cutOff.isHeld());
        });
        rival.start();
        wire.hang();
        await until(() => rival.isHeld(), { timeout: 10_000 });
        expect(whenTaken).toEqual([false]);
        const message =
          `the lease of this host could not be renewed or checked: the database ` +
          `did not answer within ${String(leaseMs)} ms.`;
        await until(() => said.includes(message));
        wire.mend();
        await rival.stop();
        await until(() => cutOff.isHeld(), { timeout: 20_000 });
        await cutOff.stop();
      } finally {
        wire.mend(); // Closing would wait for answers.
        await far.close(true);
        await wire.close();
      }
    },
  );

  test(
    'is lost while the database is away, and gained again',
    { timeout: 30_000 },
    async (context) => {
      const wire =
        (await interruptible(database.uri)) ??
        context.skip('the database has several hosts: its wire cannot be cut');
      const far = await mongoose
        .createConnection(wire.uri, { serverSelectionTimeoutMS: 500 })
        .asPromise();
      try {
        const changes: boolean[] = [];
        const lease = make({ rows: () => getHostCollection(far, 'p_') });
        lease.onChange((held) => changes.push(held));
        lease.start();
        await until(() => lease.isHeld());
        wire.cut();
        await until(() => changes.at(-1) === false, { timeout: 10_000 });
        expect(lease.isHeld()).toBe(false);
        wire.mend();
        await until(() => lease.isHeld(), { timeout: 20_000 });
        expect(changes.at(-1)).toBe(true);
        wire.cut();
        await lease.stop(); // Bounded, and says why it could not be released.
        expect(said.at(-1)).toContain('could not be released');
      } finally {
        wire.mend(); // Closing would wait for answers.
        await far.close(true);
        await wire.close();
      }
    },
  );

  test('goes over from a leader of an earlier boot that does not beat', async () => {
    await rows.updateOne(
      { _id: 'a' },
      { $set: { lease: { leader: 'earlier-boot:1:x', beat: 41 } } },
    );
    const lease = start();
    await until(() => lease.isHeld(), { timeout: 10_000 });
    expect(said).toEqual([]);
  });

  test('is not acquired by a retired or unknown host, which is said once', async () => {
    await rows.updateOne({ _id: 'a' }, { $set: { status: 'retired' } });
    const retired = start();
    const unknown = start({ host: 'nobody' });
    await until(() => said.length === 2);
    await rows.updateOne({ _id: 'a' }, { $set: { status: 'approved' } });
    await until(() => retired.isHeld());
    await rows.updateOne({ _id: 'a' }, { $set: { status: 'retired' } });
    await until(() => !retired.isHeld());
    await until(() => said.length === 3);
    expect(said.filter((message) => message.includes('was unregistered')).length).toBe(2);
    expect(unknown.isHeld()).toBe(false);
    expect(await rows.findOne({ _id: 'nobody' })).toBeNull();
  });

  test('that ran out before the timer fired, and is confirmed then, is reported as lost and gained again', async () => {
    const changes: boolean[] = [],
      clock = performance.now.bind(performance);
    const lease = make();
    lease.onChange((held) => changes.push(held));
    lease.start();
    await until(() => lease.isHeld());
    try {
      // What the timers go by stays as it is: they come late, as in a process that others keep
      // from running.
      vi.spyOn(performance, 'now').mockImplementation(() => clock() + leaseMs);
      expect(lease.isHeld()).toBe(false);
      // A caller that asks at this moment, as the leader before it begins its work, leaves it to
      // the next leader.
      await until(() => lease.isHeld());
      expect(changes).toEqual([true, false, true]);
    } finally {
      vi.restoreAllMocks();
    }
  });

  test('an acquisition whose answer came too late counts, and the lease is not left without a leader', async () => {
    const lease = make();
    await rows.updateOne({ _id: 'a' }, { $set: { lease: { leader: lease.candidateId, beat: 0 } } });
    lease.start();
    await until(() => lease.isHeld());
  });

  test('of a machine and its copy stops both, every process of them, until they are started again', async () => {
    const cloned: string[] = [];
    const onCloned = (error: Error): void => {
      cloned.push(error.message);
    };
    const first = start({ bootId: 'original', onCloned });
    await until(() => first.isHeld());
    const second = start({ bootId: 'original', onCloned });
    const looked = (await stored())?.beat ?? 0;
    await until(async () => ((await stored())?.beat ?? 0) > looked + 3);
    // It has looked before the other one marks: one that starts later takes the mark for an old
    // one.
    let looks = 0;
    start({
      bootId: 'copy',
      onCloned,
      beatMs: 2_000,
      rows: () => {
        looks++;
        return rows;
      },
    });
    await until(() => looks > 0);
    start({ bootId: 'copy', onCloned });
    await until(() => cloned.length === 4, { timeout: 10_000 });
    expect(holders()).toEqual([]);
    expect(new Set(cloned).size).toBe(1);
    expect(cloned[0]).toMatch(
      /two machines run with the host id a \(original:.* and copy:.*\): remove the state folder on the copy/,
    );
    expect((await rows.findOne({ _id: 'a' }))?.halted.HOST_CLONED).toMatchObject({
      code: 'HOST_CLONED',
      retryable: false,
    });
    await Promise.all(leases.map((lease) => lease.stop()));
    expect(await stored()).toBeUndefined();
    expect(second.isHeld()).toBe(false);
    const again = start({ bootId: 'original', onCloned });
    await until(() => again.isHeld());
    expect((await rows.findOne({ _id: 'a' }))?.halted).toEqual({});
    expect(cloned.length).toBe(4);
  });
});

/** A lease that is taken while a test waits for it is taken at once: nobody waits for so long. */
const never = { leaseMs: 600_000 };
const noNamespaces = await namespacesAreMissing();
const inNamespaces = `in a pid namespace${noNamespaces ? ` (skipped: ${noNamespaces})` : ''}`;
const program = compileProgram(new URL('../hosts/hold-lease.ts', import.meta.url));

describe('a process with the lease', () => {
  let state: TestDir;
  const talkers: Talker[] = [];
  beforeEach(async () => {
    state = await makeTestDir();
  });
  afterEach(async () => {
    for (const talker of talkers.splice(0)) await talker.kill();
    await state.remove();
  });

  async function startHolder(make = startTalker): Promise<Talker> {
    const talker = make(program, [database.uri, 'a', String(leaseMs), String(beatMs), state.path]);
    talkers.push(talker);
    await until(() => talker.lines.includes('held'), { timeout: 30_000 });
    await until(async () => (await stored())?.socket !== undefined);
    return talker;
  }
  const startRival = (options: Partial<LeaseOptions> = {}): Lease =>
    start({ socketPath: getWakeSocketPath(state.path), ...options });

  /** Starts a rival that would see that the process is dead, and gives it time to look. */
  async function isLeftAlone(options: Partial<LeaseOptions> = {}): Promise<boolean> {
    let looks = 0;
    const rival = startRival({
      ...never,
      beatMs: 20,
      rows: () => {
        looks++;
        return rows;
      },
      ...options,
    });
    await until(() => looks > 10);
    return !rival.isHeld();
  }

  test.skipIf(process.platform !== 'linux')('that is killed is followed at once', async () => {
    const holder = await startHolder();
    await holder.kill();
    const next = startRival(never);
    await until(() => next.isHeld());
    expect(said).toEqual([]);
  });

  test.skipIf(process.platform !== 'linux')(
    'that is killed has a waiting successor at once, which hears of it',
    async () => {
      const holder = await startHolder();
      let looks = 0;
      const next = startRival({
        ...never,
        beatMs: 600_000,
        rows: () => {
          looks++;
          return rows;
        },
      });
      await until(() => looks > 0);
      await holder.kill();
      next.pollFast();
      await until(() => next.isHeld());
    },
  );

  test.skipIf(noNamespaces !== undefined)(
    `${inNamespaces} is followed at once by one of another namespace with its pid, and not before it has ended`,
    async () => {
      const holder = await startHolder(startAsPidSix);
      expect((await stored())?.leader.split(':')[1]).toBe('6');
      expect(await isLeftAlone()).toBe(true);
      const other = startAsPidSix(program, [
        database.uri,
        'a',
        String(never.leaseMs),
        String(beatMs),
        state.path,
      ]);
      talkers.push(other);
      await until(() => other.lines.includes('trying'), { timeout: 30_000 });
      await Promise.all(leases.splice(0).map((lease) => lease.stop()));
      expect(await other.ask('?')).toBe('asked false');
      await holder.kill();
      await until(() => other.lines.includes('held'), { timeout: 15_000 });
      expect((await stored())?.leader.split(':')[1]).toBe('6');
    },
    90_000,
  );

  test('that ends in order gives it back', async () => {
    const holder = await startHolder();
    holder.endInput();
    await until(() => holder.child.exitCode === 0);
    expect(holder.lines.filter((line) => line === 'held' || line === 'lost')).toEqual([
      'held',
      'lost',
    ]);
    expect(await stored()).toBeUndefined();
  });

  test('that stood still is left alone until the lease time is over, and does not believe it has it when it goes on', async () => {
    const holder = await startHolder();
    holder.child.kill('SIGSTOP');
    expect(await isLeftAlone()).toBe(true);
    const other = startRival();
    await until(() => other.isHeld(), { timeout: 10_000 });
    const answer = holder.ask('?');
    holder.child.kill('SIGCONT');
    await until(() => holder.lines.includes('lost'));
    expect(await answer).toMatch(/^(lost|asked false)$/);
    expect(holder.lines).not.toContain('asked true');
    await until(() => other.isHeld());
  });

  test('of an older version of this package is not taken for dead', async () => {
    const [bootId = ''] = describeThisProcess().split(':');
    await rows.updateOne(
      { _id: 'a' },
      { $set: { lease: { leader: `${bootId}:999999:0123456789abcdef`, beat: 3 } } },
    );
    expect(await isLeftAlone()).toBe(true);
    const patient = startRival();
    await until(() => patient.isHeld(), { timeout: 10_000 });
  });

  test('of another boot is not held for dead, although its pid and its socket are gone: it may be a copy of this machine', async () => {
    const holder = [
      'another-boot',
      ...describeThisProcess().split(':').slice(1, 5),
      '1',
      'abc',
    ].join(':');
    await rows.updateOne(
      { _id: 'a' },
      { $set: { lease: { leader: holder, beat: 3, socket: '1:1' } } },
    );
    expect(await isLeftAlone()).toBe(true);
  });

  test('that seems dead to a copy of its running machine loses it a few times only', async () => {
    const server = createServer();
    const known = join(state.path, 'deserted');
    await new Promise<void>((resolve) => {
      server.listen(known, resolve);
    });
    await link(known, getWakeSocketPath(state.path));
    const inode = await until(() => readInode(known));
    await new Promise((resolve) => server.close(resolve));
    // Each announces a file that nobody listens at, as a copied process would seem to.
    const two = [
      make({ socketPath: getWakeSocketPath(state.path), ...never }),
      make({ socketPath: getWakeSocketPath(state.path), ...never }),
    ];
    for (const lease of two) {
      lease.onChange((held) => {
        if (held) lease.announceSocket(inode);
      });
      lease.start();
    }
    await until(() => said.some((message) => message.includes('keeps getting the lease')), {
      timeout: 30_000,
    });
    const isOver = async (): Promise<boolean> => {
      const before = await stored();
      await until(async () => ((await stored())?.beat ?? 0) > (before?.beat ?? 0) + 5);
      return (await stored())?.leader === before?.leader;
    };
    await until(isOver, { timeout: 60_000 });
  }, 100_000);
});

describe('beats', () => {
  let held: boolean;
  let late: (() => void)[];
  /** A lease whose next write stays on its way from when `held` is set. */
  function startSlow(): Lease {
    held = false;
    late = [];
    const slow = new Proxy(rows, {
      get: (target, name) =>
        name !== 'findOneAndUpdate'
          ? (Reflect.get(target, name) as unknown)
          : async (...args: unknown[]) => {
              if (held) {
                held = false;
                await new Promise<void>((resolve) => {
                  late.push(resolve);
                });
              }
              return (target.findOneAndUpdate as (...given: unknown[]) => Promise<unknown>)(
                ...args,
              );
            },
    });
    return start({ rows: () => slow, ...never });
  }

  test('a beat that is carried out after a later one changes nothing, and its process goes on', async () => {
    const lease = startSlow();
    await until(() => lease.isHeld());
    lease.announceSocket('old');
    await until(async () => (await stored())?.socket === 'old');
    held = true;
    await until(() => late.length === 1);
    lease.announceSocket(undefined);
    expect(await lease.confirm()).toBe(true);
    const after = await stored();
    expect(after?.socket).toBeUndefined();
    late[0]?.();
    await until(async () => ((await stored())?.beat ?? 0) > (after?.beat ?? 0));
    expect((await stored())?.socket).toBeUndefined();
    expect(lease.isHeld()).toBe(true);
  });

  test('a confirmation that a later beat has overtaken is repeated', async () => {
    const lease = startSlow();
    await until(() => lease.isHeld());
    held = true;
    lease.announceSocket('first');
    await until(() => late.length === 1);
    held = true;
    const confirming = lease.confirm();
    await until(() => late.length === 2);
    late[0]?.();
    lease.announceSocket('later');
    await until(async () => (await stored())?.socket === 'later');
    late[1]?.();
    expect(await confirming).toBe(true);
    expect(lease.isHeld()).toBe(true);
  });

  test('each beat is dated by the database, and tells how far the clock of this host is off', async () => {
    const lease = start();
    await until(() => lease.isHeld());
    const first = await rows.findOne({ _id: 'a' });
    expect(first?.heartbeatAt).toBeInstanceOf(Date);
    const later = await until(async () => {
      const row = await rows.findOne({ _id: 'a' });
      return row && row.heartbeatAt! > first!.heartbeatAt! && row.clockOffsetMs !== undefined
        ? row
        : undefined;
    });
    // The database of the tests runs on this machine.
    expect(Math.abs(later.clockOffsetMs!)).toBeLessThan(5_000);
    await lease.stop();
    expect((await rows.findOne({ _id: 'a' }))?.heartbeatAt).toBeInstanceOf(Date);
  });

  test('a clock that is three minutes ahead is measured, and elects nobody else', async () => {
    const realNow = Date.now;
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => realNow() + 180_000);
    try {
      const lease = start();
      const offset = await until(async () => (await rows.findOne({ _id: 'a' }))?.clockOffsetMs);
      expect(Math.abs(offset - 180_000)).toBeLessThan(5_000);
      expect(lease.isHeld()).toBe(true);
    } finally {
      clock.mockRestore();
    }
  });

  test('values of any shape in the fields of the heartbeat keep nobody from the lease', async () => {
    await rows.updateOne(
      { _id: 'a' },
      { $set: { heartbeatAt: 'yesterday', clockOffsetMs: { a: 1 } } as never },
    );
    const lease = start();
    await until(() => lease.isHeld());
    await until(async () => (await rows.findOne({ _id: 'a' }))?.heartbeatAt instanceof Date);
  });

  test('no beat is confirmed once another has the lease', async () => {
    const lease = start({ beatMs: 600_000 });
    await until(() => lease.isHeld());
    expect(await lease.confirm()).toBe(true);
    await rows.updateOne({ _id: 'a' }, { $set: { lease: { leader: 'other', beat: 0 } } });
    expect(await lease.confirm()).toBe(false);
    expect(lease.isHeld()).toBe(false);
  });
});
