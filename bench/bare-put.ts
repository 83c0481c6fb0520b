import { randomBytes } from 'node:crypto';
import { areas, newName } from '../src/root/areas.js';
import type { Connection } from '../src/ssh/connection.js';
import { Ssh } from '../src/ssh/ssh.js';
import type { Host } from '../src/words.js';
import { dir } from '../test/flow/site.js';
import { now } from './figures.js';
import { measured, type BenchSite } from './site.js';

/**
 * The SFTP requests that put one file on every host, over open connections, and nothing else: no database, no looks, no judge. What a save
 * cannot be quicker than.
 *
 * @returns milliseconds of each round, until all hosts have answered
 */
export async function putBare({ sender, app, receivers }: BenchSite, size: number, rounds: number, { flush }: { flush: boolean }): Promise<number[]> {
  const hosts = (await app.sync.hosts.list()).filter(({ hostname }) => receivers.some(({ name }) => name === hostname));
  const ssh = new Ssh({ stateDir: sender.ssh.stateDir, identityFile: sender.ssh.privateKeyFile, timeoutMs: 10_000, idleMs: 60_000 });
  try {
    const times: number[] = [];
    for (let i = -5; i < rounds; i++) {
      const bytes = randomBytes(size), name = newName();
      const began = now();
      await Promise.all(hosts.map((host) => ssh.connections.use(host, (connection) => putOne(connection, host, bytes, name, flush))));
      if (i >= 0) times.push(now() - began);
    }
    return times;
  } finally {
    await ssh.close();
  }
}

async function putOne({ sftp }: Connection, { rootPath }: Host, bytes: Buffer, name: string, flush: boolean): Promise<void> {
  const unfinished = `${rootPath}/${dir}/${areas.tmp}/${name}`;
  const handle = await sftp.open(unfinished, 'wx', 0o600);
  const requests: Promise<unknown>[] = [];
  for (let at = 0; at < bytes.length; at += 32 * 1024) requests.push(sftp.write(handle, bytes.subarray(at, at + 32 * 1024), at));
  requests.push(sftp.setAttributes(handle, { mode: 0o644 }), ...(flush ? [sftp.flush(handle)] : []), sftp.fstat(handle), sftp.close(handle));
  await Promise.all(requests);
  await sftp.link(unfinished, `${rootPath}/${measured}/${name}.jpg`);
}
