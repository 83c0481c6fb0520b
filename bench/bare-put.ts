import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Collection } from 'mongoose';
import { areas, newName } from '../src/replica/areas.js';
import { mapConcurrently } from '../src/util/map-concurrently.js';
import type { SshConnection } from '../src/transport/ssh/connection.js';
import { Ssh } from '../src/transport/ssh/ssh.js';
import type { Host } from '../src/model/host.js';
import { dir } from '../test/flow/site.js';
import { now } from './figures.js';
import { measured, type BenchSite } from './site.js';

/** Files on their way to one host at once, as many as ours has. */
const atOnce = 32;

/**
 * Sends the SFTP requests that put one file on every host, over open connections, and does nothing
 * else: no database call, no look at a disk, no decision. No save can be faster.
 *
 * @returns milliseconds of each round, until all hosts have answered
 */
export async function putBare(
  { sender, app }: Pick<BenchSite, 'sender' | 'app'>,
  receivers: readonly string[],
  size: number,
  rounds: number,
  { flush }: { flush: boolean },
): Promise<number[]> {
  const hosts = await listHosts(app, receivers),
    ssh = openSsh(sender.ssh.stateDir, sender.ssh.privateKeyFile);
  try {
    const times: number[] = [];
    for (let i = -5; i < rounds; i++) {
      const bytes = randomBytes(size),
        name = `${newName()}.jpg`;
      const began = now();
      await Promise.all(
        hosts.map((host) =>
          ssh.connections.use(host, (connection) => putOne(connection, host, bytes, name, flush)),
        ),
      );
      if (i >= 0) times.push(now() - began);
    }
    return times;
  } finally {
    await ssh.close();
  }
}

/**
 * Puts files on every host as they are handed over, with the same requests on as many channels as
 * ours uses, and does nothing else: what is left to do when a burst of saves has ended cannot be
 * less.
 */
export class BareBurst {
  private readonly waiting: { host: Host; name: string; bytes: Buffer }[][];
  private readonly underWay: number[];
  private failure: { readonly error: unknown } | undefined;

  private constructor(
    private readonly ssh: Ssh,
    private readonly hosts: readonly Host[],
  ) {
    this.waiting = hosts.map(() => []);
    this.underWay = hosts.map(() => 0);
  }

  static async open({ sender, app, receivers }: BenchSite): Promise<BareBurst> {
    const hosts = await listHosts(
        app,
        receivers.map(({ name }) => name),
      ),
      ssh = openSsh(sender.ssh.stateDir, sender.ssh.privateKeyFile);
    await Promise.all(hosts.map((host) => widen(ssh, host)));
    return new BareBurst(ssh, hosts);
  }

  put(name: string, bytes: Buffer): void {
    for (const [index, host] of this.hosts.entries()) {
      this.waiting[index]?.push({ host, name, bytes });
      this.next(index);
    }
  }

  /** @throws why one could not be put */
  throwFailure(): void {
    if (this.failure) throw this.failure.error;
  }

  async close(): Promise<void> {
    await this.ssh.close();
  }

  private next(index: number): void {
    if ((this.underWay[index] ?? 0) >= atOnce) return;
    const file = this.waiting[index]?.shift();
    if (!file) return;
    this.underWay[index] = (this.underWay[index] ?? 0) + 1;
    const { host, name, bytes } = file;
    this.ssh.connections
      .use(host, ({ channels }) =>
        channels.use((channel) => putOne(channel, host, bytes, name, true)),
      )
      .catch((error: unknown) => {
        this.failure ??= { error };
      })
      .finally(() => {
        this.underWay[index] = (this.underWay[index] ?? 0) - 1;
        this.next(index);
      });
  }
}

/**
 * Delivers a host's pending files by the same requests, and nothing else: it reads as many rows
 * as a delivery queue takes at once, puts the files, and updates the rows. Its memory is the least
 * that such a process can take.
 */
export async function drainBare(
  rows: Collection,
  to: Host,
  {
    rootPath,
    stateDir,
    identityFile,
  }: { rootPath: string; stateDir: string; identityFile: string },
): Promise<void> {
  const ssh = openSsh(stateDir, identityFile);
  try {
    await widen(ssh, to);
    for (;;) {
      const ids = (
        await rows.find({ pending: to.id }, { limit: 2_000, batchSize: 2_000 }).toArray()
      ).map(({ _id }) => String(_id));
      if (ids.length === 0) return;
      await mapConcurrently(ids, atOnce, async (path) => {
        const bytes = await readFile(`${rootPath}/${path}`);
        await ssh.connections.use(to, ({ channels }) =>
          channels.use((channel) => putOne(channel, to, bytes, `${newName()}.jpg`, true)),
        );
      });
      for (let at = 0; at < ids.length; at += 250) {
        await rows.updateMany(
          { _id: { $in: ids.slice(at, at + 250) as never[] } },
          { $pull: { pending: to.id } as never, $addToSet: { heldBy: to.id } },
        );
      }
    }
  } finally {
    await ssh.close();
  }
}

function openSsh(stateDir: string, identityFile: string): Ssh {
  return new Ssh({ stateDir, identityFile, timeoutMs: 10_000, idleMs: 60_000 });
}

async function listHosts(app: BenchSite['app'], names: readonly string[]): Promise<Host[]> {
  return (await app.sync.hosts.list()).filter(({ hostname }) => names.includes(hostname));
}

function widen(ssh: Ssh, host: Host): Promise<void> {
  return ssh.connections.use(host, ({ channels }) => {
    channels.widen();
    return Promise.resolve();
  });
}

async function putOne(
  { sftp }: Pick<SshConnection, 'sftp'>,
  { rootPath }: Host,
  bytes: Buffer,
  name: string,
  flush: boolean,
): Promise<void> {
  const unfinished = `${rootPath}/${dir}/${areas.tmp}/${newName()}`;
  const handle = await sftp.open(unfinished, 'wx', 0o600);
  const requests: Promise<unknown>[] = [];
  for (let at = 0; at < bytes.length; at += 32 * 1024)
    requests.push(sftp.write(handle, bytes.subarray(at, at + 32 * 1024), at));
  requests.push(
    sftp.setAttributes(handle, { mode: 0o644 }),
    ...(flush ? [sftp.flush(handle)] : []),
    sftp.fstat(handle),
    sftp.close(handle),
  );
  await Promise.all(requests);
  await sftp.link(unfinished, `${rootPath}/${measured}/${name}`);
}
