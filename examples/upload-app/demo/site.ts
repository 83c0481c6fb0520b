import { randomBytes } from 'node:crypto';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mongoose from 'mongoose';
import { startDatabase, uriOfDatabase } from '../../../scripts/database.mjs';
import { endProcesses } from '../../../scripts/processes.mjs';
import type { Status } from '../../../src/api/reports.js';
import { Guard } from './guard.js';
import { DemoHost, type Site } from './host.js';
import type { Owner } from './owner.js';
import type { Report } from './report.js';
import { waitFor } from './wait.js';

const NAMES = ['web-1', 'web-2', 'web-3'] as const;
export type Hosts = readonly [DemoHost, DemoHost, DemoHost];

/**
 * One database and three hosts, each initialised by the command line and running the app. `owner`
 * ends them.
 */
export async function startSite(
  owner: Owner,
  report: Report,
  signal: AbortSignal,
  backend: Site['backend'],
): Promise<{ site: Site; hosts: Hosts }> {
  const dir = await makeDir(owner);
  const databaseUri = await startOwnDatabase(owner, report, signal);
  const guard = new Guard();
  owner.own('the guard', () => guard.close());
  owner.own('what the hosts left running', () => endProcesses([], { mark: guard.mark }));
  const site: Site = {
    dir,
    databaseUri,
    adminToken: randomBytes(24).toString('hex'),
    backend,
    guard,
    signal,
  };
  const hosts: Hosts = [
    await DemoHost.make(site, NAMES[0]),
    await DemoHost.make(site, NAMES[1]),
    await DemoHost.make(site, NAMES[2]),
  ];
  for (const host of hosts) {
    owner.own(host.name, () => host.stop());
    await host.startSshd();
    await host.init();
    await host.startApp();
    report.say(
      `  ${host.name}     ${host.url}   sshd on port ${String(host.sshPort)}   files below ` +
        `${host.root}`,
    );
  }
  await waitForAll(hosts, site);
  return { site, hosts };
}

/** What a host knows of all hosts, through its admin router. */
export async function askStatus(host: DemoHost, { adminToken, signal }: Site): Promise<Status> {
  const response = await fetch(`${host.url}/sync-admin/status`, {
    headers: { authorization: `Bearer ${adminToken}` },
    signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]),
  });
  if (!response.ok)
    throw new Error(
      `${host.name} does not tell its status: ${String(response.status)} ${await response.text()}`,
    );
  return (await response.json()) as Status;
}

/**
 * A later host is ready once its first pull is complete; files saved before that would come with
 * the pull.
 */
async function waitForAll(hosts: Hosts, site: Site): Promise<void> {
  for (const host of hosts) {
    const look = async (): Promise<true | undefined> => {
      const known = (await askStatus(host, site)).hosts;
      return (
        (known.length === hosts.length &&
          known.every(({ ready, status }) => ready && status === 'approved')) ||
        undefined
      );
    };
    if (await waitFor(look, { timeout: 60_000, interval: 100, signal: site.signal })) continue;
    const known = JSON.stringify((await askStatus(host, site)).hosts, undefined, 2);
    const said = await Promise.all(
      hosts.map(async (one) => `\n${one.name}'s app said:\n${await one.tail('app.log')}`),
    );
    throw new Error(`${host.name} does not know all hosts as ready: ${known}${said.join('')}`);
  }
}

/**
 * A real and short path: Unix sockets below it must stay under 104 bytes, and macOS's own is a long
 * symlink.
 */
async function makeDir(owner: Owner): Promise<string> {
  const dir = await realpath(
    await mkdtemp(join(tmpdir().length > 30 ? '/tmp' : tmpdir(), 'upload-app-')),
  );
  owner.own(dir, () => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  return dir;
}

/** On a server that is somebody's it is a database of our own, dropped at the end. */
async function startOwnDatabase(
  owner: Owner,
  report: Report,
  signal: AbortSignal,
): Promise<string> {
  const starting = startDatabase({
    say: (line) => {
      report.say(`  ${line}`);
    },
  });
  owner.own('the database', async () =>
    starting.then(
      ({ stop }) => stop(),
      () => undefined,
    ),
  );
  const stopped = new Promise<never>((_resolve, reject) => {
    signal.addEventListener(
      'abort',
      () => {
        reject(signal.reason as Error);
      },
      { once: true },
    );
  });
  const { uri: server, server: what } = await Promise.race([starting, stopped]);
  const uri = uriOfDatabase(server, `upload_app_demo_${randomBytes(4).toString('hex')}`);
  report.say(`  database  ${what}`);
  if (process.env.MONGODB_URI) owner.own('dropping the database', () => dropDatabase(uri));
  return uri;
}

async function dropDatabase(uri: string): Promise<void> {
  const connection = mongoose.createConnection(uri, { serverSelectionTimeoutMS: 5000 });
  try {
    await connection.dropDatabase();
  } finally {
    await connection.close();
  }
}
