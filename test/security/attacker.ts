import { execFile } from 'node:child_process';
import { join } from 'node:path';
import type { Client, SFTPWrapper } from 'ssh2';
import { createRsyncBackend } from '../../src/transport/rsync/rsync-backend.js';
import { logIn } from '../../src/transport/ssh/connect.js';
import { SshConfig } from '../../src/transport/ssh/ssh-config.js';
import { makeSite, photos, type Site, type SiteOptions } from '../transport/site.js';
import { makeTestDir } from '../harness/tmp.js';

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Somebody with the key of another host, which the gate confines, and with programs of their own.
 */
export interface Attacker {
  readonly site: Site;
  /** The sync dir on the other side. */
  readonly there: string;
  /** A folder of the attacker's own. */
  readonly own: string;
  readonly client: Client;
  readonly sftp: SFTPWrapper;
  /** The attacker's rsync. @param args `THERE` stands for the sync dir on the other side */
  rsync(...args: string[]): Promise<Ended>;
  /** What the SFTP server answers: 'ok' or the code of its error. */
  ask(request: (done: (error?: Error | null) => void) => void): Promise<unknown>;
  close(): Promise<void>;
}

export function run(program: string, args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: 30_000, encoding: 'latin1' }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr });
    });
  });
}

export async function startAttacker(options: SiteOptions = {}): Promise<Attacker> {
  const [site, own] = await Promise.all([
    makeSite(createRsyncBackend, { confined: true, ...options }),
    makeTestDir(),
  ]);
  const identityFile = join(site.here, '../id_ed25519');
  const target = await new SshConfig({
    stateDir: join(own.path, 'state'),
    identityFile,
    timeoutMs: 10_000,
    idleMs: 1_000,
  }).write(site.host);
  const there = join(site.rootThere, photos.path);
  const { client } = await logIn(
    site.host,
    { identityFile, timeoutMs: 10_000 },
    new AbortController().signal,
  );
  const sftp = await new Promise<SFTPWrapper>((resolve, reject) => {
    client.sftp((error, wrapper) => {
      if (error) reject(error);
      else resolve(wrapper);
    });
  });
  return {
    site,
    there,
    own: own.path,
    client,
    sftp,
    rsync: (...args) =>
      run('rsync', [
        '-e',
        `ssh -F ${target.configFile}`,
        ...args.map((arg) => arg.replace('THERE', `${target.alias}:${there}`)),
      ]),
    ask: (request) =>
      new Promise((resolve) => {
        request((error) => {
          resolve(error ? (error as { code?: number }).code : 'ok');
        });
      }),
    async close() {
      client.destroy();
      await site.close();
      await own.remove();
    },
  };
}
