import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import mongoose, { type mongo } from 'mongoose';
import { prepareDatabase } from '../../scripts/database.mjs';
import type { DatabaseServer } from './database.js';
import { findFreePort } from './free-port.js';
import { makeTestDir, type TestDir } from './tmp.js';
import { until } from './wait.js';

const setName = 'failover';
/** Shorter than MongoDB's own ten seconds, and long enough for a busy machine. */
const electionTimeoutMillis = 4_000;
const slow = { timeout: 60_000 };

/**
 * The mongod that the tests can start, also where their database is that of MONGODB_URI. @throws
 * where there is none
 */
export async function findTestMongod(): Promise<string> {
  const way = await prepareDatabase({ env: { ...process.env, MONGODB_URI: undefined } });
  if (way.way !== 'mongod') throw new Error('there is no mongod');
  return way.binary;
}

/** One server of a replica set. Its port and its data outlive the process. */
class Member {
  private child: ChildProcess | undefined;

  constructor(
    private readonly binary: string,
    readonly port: number,
    private readonly dir: string,
  ) {}

  get address(): string {
    return `127.0.0.1:${String(this.port)}`;
  }

  get isRunning(): boolean {
    return this.child?.exitCode === null && this.child.signalCode === null;
  }

  async start(): Promise<void> {
    await mkdir(this.dir, { recursive: true });
    const child = spawn(
      this.binary,
      [
        '--replSet',
        setName,
        '--bind_ip',
        '127.0.0.1',
        '--port',
        String(this.port),
        '--dbpath',
        this.dir,
        '--nounixsocket',
        '--wiredTigerCacheSizeGB',
        '0.25',
        '--logpath',
        join(this.dir, 'log'),
        '--logappend',
      ],
      { stdio: 'ignore' },
    );
    this.child = child;
    await until(
      async () => {
        if (child.exitCode !== null)
          throw new Error(
            `the mongod of ${this.address} ended: ` +
              `${(await readFile(join(this.dir, 'log'), 'utf8')).slice(-2_000)}`,
          );
        return this.ask({ ping: 1 });
      },
      { ...slow, what: `the mongod of ${this.address}` },
    );
  }

  /** Asks this server in any state. */
  async ask(command: mongo.Document): Promise<mongo.Document> {
    const client = new mongoose.mongo.MongoClient(
      `mongodb://${this.address}/?directConnection=true`,
      { serverSelectionTimeoutMS: 1_000 },
    );
    try {
      return await client.db('admin').command(command);
    } finally {
      await client.close();
    }
  }

  async kill(): Promise<void> {
    const { child } = this;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
}

/**
 * Three servers, one of which is the primary. Each can be killed and started again with its data.
 */
export class ReplicaSet implements DatabaseServer {
  readonly server = 'a replica set of three';

  private constructor(
    private readonly members: readonly Member[],
    private readonly dir: TestDir,
  ) {}

  /** Its owner calls `close`. */
  static async start(binary: string): Promise<ReplicaSet> {
    const dir = await makeTestDir();
    const members: Member[] = [];
    const set = new ReplicaSet(members, dir);
    try {
      for (const name of ['a', 'b', 'c']) {
        const member = new Member(binary, await findFreePort(), join(dir.path, name));
        members.push(member);
        await member.start();
      }
      await members[0]?.ask({
        replSetInitiate: {
          _id: setName,
          members: members.map(({ address: host }, _id) => ({ _id, host })),
          settings: { electionTimeoutMillis, heartbeatIntervalMillis: 500 },
        },
      });
      await set.untilComplete();
      return set;
    } catch (error) {
      await set.close();
      throw error;
    }
  }

  get uri(): string {
    return `mongodb://${this.members.map(({ address }) => address).join(',')}/?replicaSet=${setName}`;
  }

  /**
   * Kills the primary, as a power cut would. @returns starts it again, and waits until all three
   * work
   */
  async killPrimary(): Promise<() => Promise<void>> {
    const primary = await until(() => this.findPrimary(), { ...slow, what: 'a primary' });
    await primary.kill();
    return async () => {
      await primary.start();
      await this.untilComplete();
    };
  }

  /** Kills both secondaries, so that nothing more is replicated. @returns starts them again */
  async killSecondaries(): Promise<() => Promise<void>> {
    const primary = await until(() => this.findPrimary(), { ...slow, what: 'a primary' });
    const secondaries = this.members.filter((member) => member !== primary);
    await Promise.all(secondaries.map((member) => member.kill()));
    return async () => {
      await Promise.all(secondaries.map((member) => member.start()));
    };
  }

  /** Lets a primary stay one for two minutes without a majority, as beside an arbiter. */
  async keepPrimary(): Promise<void> {
    const primary = await until(() => this.findPrimary(), { ...slow, what: 'a primary' });
    const { config } = (await primary.ask({ replSetGetConfig: 1 })) as {
      config: { version: number; settings: Record<string, unknown> };
    };
    await primary.ask({
      replSetReconfig: {
        ...config,
        version: config.version + 1,
        settings: { ...config.settings, electionTimeoutMillis: 120_000 },
      },
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
    await this.dir.remove();
  }

  /** One is the primary, and the others follow it. */
  private async untilComplete(): Promise<void> {
    await until(
      async () => {
        const states = await Promise.all(this.members.map((member) => member.ask({ hello: 1 })));
        return (
          states.some(({ isWritablePrimary }) => isWritablePrimary === true) &&
          states.every(
            ({ isWritablePrimary, secondary }) => isWritablePrimary === true || secondary === true,
          )
        );
      },
      { ...slow, what: 'a complete replica set' },
    );
  }

  private async findPrimary(): Promise<Member | undefined> {
    // Asking a dead one takes a second, and a primary without secondaries stays one for seconds.
    for (const member of this.members.filter(({ isRunning }) => isRunning)) {
      const hello = await member.ask({ hello: 1 }).catch(() => undefined);
      if (hello?.['isWritablePrimary'] === true) return member;
    }
    return undefined;
  }
}
