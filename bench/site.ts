import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Schema, type Model } from 'mongoose';
import { defaultTuning } from '../src/config/config.js';
import type { BackendName } from '../src/model/backend-name.js';
import type { HostId } from '../src/model/host.js';
import { dir, openSite, type App, type Machine, type Photo } from '../test/flow/site.js';
import { until } from '../test/harness/wait.js';
import { run } from './baselines.js';
import type { Settings } from './benchmark.js';
import { buildApp } from './build-app.js';
import { fillTree } from './tree.js';

/** Where measured files lie, relative to the root, and the tree beside them. */
export const measured = `${dir}/measured`;

/**
 * A sender with real hosts that it sends to, all of them confined where this machine can do that.
 * The hosts that receive run no app.
 */
export interface BenchSite {
  readonly sender: Machine;
  readonly receivers: readonly Machine[];
  /** The sender's only process, with the timing that users have; undefined with `app: false`. */
  readonly app: App;
  /** What a process of its own runs, with `app: false`. */
  readonly appFile: string;
  /** The same model without the plugin, on the same connection. */
  readonly Plain: Model<Photo>;
  /** A private key that the receivers take without confinement, for the baselines. */
  readonly key: string;
  readonly uri: string;
  /** The sender's id, and those of the hosts that receive. */
  readonly me: HostId;
  readonly others: readonly HostId[];
  /**
   * Adds files to the tree of every host while the app is away, and starts it again. A history has
   * to record them.
   */
  addFiles(files: number, folder: string): Promise<void>;
  close(): Promise<void>;
}

export interface BenchSiteOptions {
  readonly receivers?: number;
  /** Files that lie in the tree of every host, and in the ledger. Default 1,000. */
  readonly files?: number;
  /** Whether the sender's app runs in this process. Default true. */
  readonly app?: boolean;
  /** Of every host. Default rsync. */
  readonly backend?: BackendName;
}

export async function openBenchSite(
  { server, say }: Settings,
  { receivers = 3, files = 1_000, app: wantsApp = true, backend = 'rsync' }: BenchSiteOptions = {},
): Promise<BenchSite> {
  const names = Array.from({ length: receivers }, (_, i) => `to${String(i + 1)}`);
  const appFile = wantsApp ? '' : await buildApp();
  say(`starting ${String(receivers + 1)} hosts`);
  const site = await openSite({
    hosts: ['from', ...names],
    server,
    environment: { SYNCMEDIA_BACKEND: backend },
  });
  try {
    const [sender, ...others] = site.machines as [Machine, ...Machine[]];
    const key = join(sender.ssh.dir, 'baseline-key');
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    const publicKey = await run('ssh-keygen', ['-y', '-f', key]);
    for (const { ssh } of others) await ssh.trust(publicKey);
    const hosts = await sender.app.sync.hosts.list();
    const me = hosts.find(({ hostname }) => hostname === 'from')?.id ?? '';
    if (backend !== 'rsync') await untilHistoriesAreOpen(sender.app);
    for (const machine of site.machines) await machine.app.close();
    const connection = await site.database.connect();
    const holders = hosts.map(({ id }) => id),
      isToRecord = backend !== 'rsync';
    const fill = (count: number, folder: string): Promise<unknown> =>
      fillTree(connection, site.machines, me, holders, count, { folder, isToRecord });
    const startApp = async (): Promise<void> => {
      sender.app = await sender.startApp({ tuning: defaultTuning, plugin: { rescan: 30 } });
      await untilHeld(sender.app);
    };
    say(`making a tree of ${String(files)} files`);
    await fill(files, 'tree');
    if (wantsApp) await startApp();
    const Plain = connection.model<Photo>(
      'Plain',
      new Schema<Photo>({
        title: { type: String, required: true },
        file: String,
        thumbnail: String,
      }),
    );
    await Plain.createCollection();
    return {
      sender,
      receivers: others,
      get app() {
        return sender.app;
      },
      appFile,
      Plain,
      key,
      uri: site.database.uri,
      me,
      others: hosts.map(({ id }) => id).filter((id) => id !== me),
      async addFiles(count, folder) {
        await sender.app.close();
        await fill(count, folder);
        await startApp();
      },
      close: () => site.close(),
    };
  } catch (error) {
    await site.close();
    throw error;
  }
}

/** Resolves when each host takes the history of the others. Their apps may end then. */
async function untilHistoriesAreOpen(app: App): Promise<void> {
  await until(
    async () => (await app.sync.status()).hosts.every(({ history }) => history !== undefined),
    { timeout: 30_000 },
  );
}

/** Resolves when its delivery queues run. */
async function untilHeld(app: App): Promise<void> {
  await until(
    async () =>
      (await app.sync.status()).hosts.some(
        ({ thisHost, lease }) => thisHost && lease !== undefined,
      ),
    { timeout: 30_000 },
  );
}

/** A fresh file of this size at the sender, with content of its own. */
export async function writeFresh(sender: Machine, name: string, size: number): Promise<Buffer> {
  const content = randomBytes(size);
  await sender.write(`${measured}/${name}`, content);
  return content;
}

/**
 * Resolves when no delivery of this file is pending any more, so that the next save meets an idle
 * process.
 */
export async function untilIdle(app: App, file: string): Promise<void> {
  await until(
    async () => {
      const {
        files: [status],
      } = await app.sync.statusOf(file);
      return status?.captured === true && status.pending.length === 0;
    },
    { timeout: 30_000, interval: 10 },
  );
}

/** A process of the sender's app, told by messages what to do: `bench/app.ts`. */
export function forkApp(
  { appFile, sender, uri }: Pick<BenchSite, 'appFile' | 'sender' | 'uri'>,
  environment: Readonly<Record<string, string>> = {},
): ChildProcess {
  return fork(appFile, {
    execArgv: ['--expose-gc'],
    env: { ...appEnvironment({ sender, uri }), ...environment },
  });
}
export function appEnvironment({
  sender,
  uri,
}: Pick<BenchSite, 'sender' | 'uri'>): Record<string, string> {
  return {
    ...(process.env as Record<string, string>),
    ...sender.environment,
    BENCH_URI: uri,
    BENCH_DIR: dir,
  };
}

/** Ends a process of the app in order. */
export async function endApp(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.send({ ask: 'end' });
  await ended;
}
