import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { inspect } from 'node:util';
import { Schema, type Connection, type Model } from 'mongoose';
import { createSyncMedia, type SyncMediaInstance } from '../../src/instance/create.js';
import type { HostRegistration } from '../../src/api/requests.js';
import type { PluginOptions, SyncMediaOptions, Tuning } from '../../src/config/config.js';
import { getErrorMessage } from '../../src/model/errors.js';
import { confinement } from '../gate/confined.js';
import { testDatabase, type DatabaseServer, type TestDatabase } from '../harness/database.js';
import { startHost, type HostOptions, type TestHost } from '../harness/sshd.js';
import { until } from '../harness/wait.js';

/** Shorter than those of users, so that timers fire soon; no test asserts a time. */
export const quick: Partial<Tuning> = {
  leaseMs: 2_000,
  beatMs: 300,
  pollMs: 400,
  fullPollMs: 400,
  captureDueMs: 1_500,
  recheckOriginMs: 1_500,
  backoffMs: 100,
  backoffMaxMs: 400,
  blockedRetryMs: 500,
  countersMs: 300,
  idleMs: 10_000,
};

export interface Photo {
  title: string;
  file: string;
  thumbnail?: string;
}

/** One process of one machine of a site: the app with its model, its instance, its connection. */
export interface App {
  readonly sync: SyncMediaInstance;
  readonly connection: Connection;
  readonly Photo: Model<Photo>;
  readonly log: string[];
  close(): Promise<void>;
}

/** A machine of a site: its sshd, its disk, and the processes of its app. */
export interface Machine {
  readonly name: string;
  readonly ssh: TestHost;
  readonly environment: Record<string, string>;
  /** Another process of the app: started, and leading unless another one leads. */
  startApp(options?: {
    start?: boolean;
    tuning?: Partial<Tuning>;
    plugin?: Partial<PluginOptions>;
  }): Promise<App>;
  /** The first process. */
  app: App;
  path(file: string): string;
  write(file: string, content: string | Uint8Array, mtime?: number): Promise<void>;
  read(file: string): Promise<string | undefined>;
  /** Every file below the root that is the app's, with its content's hash. */
  tree(): Promise<Record<string, string>>;
  /** The files in an area of `.syncmedia` of the sync dir. */
  listArea(area: string): Promise<string[]>;
}

export interface Site {
  readonly database: TestDatabase;
  readonly machines: Machine[];
  /** One more host; begun, not waited for until it is ready. */
  addMachine(name: string): Promise<Machine>;
  close(): Promise<void>;
}

export interface SiteOptions {
  readonly hosts?: readonly string[];
  readonly plugin?: Partial<PluginOptions>;
  readonly sync?: Partial<SyncMediaOptions>;
  readonly ssh?: Partial<HostOptions>;
  readonly environment?: Record<string, string>;
  /** Where everything of a host lies; default: a temporary directory. */
  readonly hostDir?: (name: string) => string;
  readonly registration?: (name: string) => HostRegistration;
  readonly tuning?: Partial<Tuning>;
  /** Compiles further models in every process, before it starts. */
  readonly compile?: (sync: SyncMediaInstance, connection: Connection) => void;
  /** Prepares a machine's root before it is initialised; its sync dirs exist. */
  readonly prepare?: (root: string) => Promise<void>;
  /** Default: the database server of this run of vitest. */
  readonly server?: DatabaseServer;
}

export const dir = 'uploads/photos';

/**
 * A site of real parts: one database, and for each host its own sshd, root, state folder, keys and
 * app.
 */
export async function openSite(options: SiteOptions = {}): Promise<Site> {
  const database = await testDatabase({}, options.server);
  const machines: Machine[] = [];
  const closers: (() => Promise<void>)[] = [() => database.close()];
  const close = async (): Promise<void> => {
    for (const one of closers.reverse()) await one();
  };
  const add = async (name: string): Promise<Machine> => {
    const ssh = await startHost({
      name,
      ...(options.hostDir && { dir: options.hostDir(name) }),
      ...options.ssh,
    });
    closers.push(() => ssh.close());
    const machine = await addMachine(database, ssh, name, options);
    closers.push(machine.closeApps);
    machines.push(machine);
    return machine;
  };
  try {
    for (const name of options.hosts ?? ['one', 'two', 'three']) await add(name);
    await until(() => machines[0] && hasBegun(machines[0].app, options.tuning), {
      timeout: 30_000,
      what: 'the end of the bootstraps and first scans',
    });
    return { database, machines, addMachine: add, close };
  } catch (error) {
    const logs = machines.map(({ name, app }) => `${name}:\n${app.log.join('\n')}`).join('\n');
    await close();
    throw new Error(`the site did not come up: ${String(error)}\n${logs}`, { cause: error });
  }
}

/**
 * Every host is ready, and neither the last scan of its bootstrap nor its first one is to come:
 * they would take files that a test writes for new versions of the app.
 */
async function hasBegun({ sync }: App, tuning: SiteOptions['tuning']): Promise<boolean> {
  const hosts = await sync.hosts.list();
  const runs = await sync.runs.list();
  return (
    hosts.every(
      ({ readyAt, scans }) =>
        readyAt !== undefined && (tuning?.scansPeriodically === false || scans !== undefined),
    ) && runs.every(({ state }) => state !== 'requested' && state !== 'running')
  );
}

async function addMachine(
  database: TestDatabase,
  ssh: TestHost,
  name: string,
  options: SiteOptions,
): Promise<Machine & { closeApps(): Promise<void> }> {
  for (const one of [options.plugin?.syncDirs ?? dir].flat())
    await mkdir(join(ssh.root, one), { recursive: true });
  await options.prepare?.(ssh.root);
  const environment: Record<string, string> = {
    HOME: ssh.dir,
    SYNCMEDIA_STATE_DIR: ssh.stateDir,
    SYNCMEDIA_ROOT: ssh.root,
    SYNCMEDIA_HOSTNAME: name,
    SYNCMEDIA_URL: '127.0.0.1',
    SYNCMEDIA_SSH_PORT: String(ssh.port),
    SYNCMEDIA_KEY: ssh.publicKeyFile,
    SYNCMEDIA_IDENTITY: ssh.privateKeyFile,
    SYNCMEDIA_AUTHORIZED_KEYS: ssh.authorizedKeysFile,
    SYNCMEDIA_TIMEOUT: '10',
    ...confinement,
    ...options.environment,
  };
  const apps: App[] = [];
  async function startApp({
    start = true,
    tuning = {},
    plugin = {},
  }: Parameters<Machine['startApp']>[0] = {}): Promise<App> {
    const connection = await database.connect();
    const log: string[] = [];
    const say =
      (level: string) =>
      (message: string): void => {
        log.push(`${level}: ${message}`);
      };
    const sync = createSyncMedia(
      {
        connection,
        environment,
        log: { info: say('info'), warn: say('warning'), error: say('error') },
        ...options.sync,
      },
      { ...quick, ...options.tuning, ...tuning },
    );
    const schema = new Schema<Photo>({
      title: { type: String, required: true },
      file: String,
      thumbnail: String,
    });
    schema.plugin(
      sync.plugin as never,
      { syncDirs: [dir], exclude: '*.tmp', rescan: 1, ...options.plugin, ...plugin } as never,
    );
    const app: App = {
      sync,
      connection,
      log,
      Photo: connection.model<Photo>('Photo', schema),
      close: async () => {
        await sync.close();
        await connection.close();
      },
    };
    apps.push(app);
    options.compile?.(sync, connection);
    if (start) await sync.start();
    return app;
  }
  const app = await startApp({ start: false });
  const report = await app.sync.hosts.init(options.registration?.(name) ?? {});
  const failed = report.checks.filter(({ ok }) => !ok);
  if (failed.length > 0) throw new Error(`init of ${name}: ${JSON.stringify(failed)}`);
  await app.sync.start();
  const path = (file: string): string => join(ssh.root, file);
  return {
    name,
    ssh,
    environment,
    app,
    startApp,
    path,
    async write(file, content, mtime) {
      await mkdir(dirname(path(file)), { recursive: true });
      await writeFile(path(file), content);
      if (mtime !== undefined) await utimes(path(file), mtime, mtime);
    },
    read: (file) => readFile(path(file), 'utf8').catch(() => undefined),
    tree: () => readTree(ssh.root),
    listArea: async (area) =>
      (
        await readdir(join(ssh.root, dir, '.syncmedia', area), {
          recursive: true,
          withFileTypes: true,
        }).catch(() => [])
      )
        .filter((entry) => entry.isFile())
        .map((entry) => entry.name),
    closeApps: async () => {
      for (const one of apps) await one.close();
    },
  };
}

/** The files below a folder, without the working areas, whose folders come and go meanwhile. */
async function readTree(root: string, below = ''): Promise<Record<string, string>> {
  const tree: Record<string, string> = {};
  const folder = join(root, below);
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    if (entry.name === '.syncmedia') continue;
    const path = join(below, entry.name);
    if (entry.isDirectory()) Object.assign(tree, await readTree(root, path));
    if (!entry.isFile()) continue;
    const content = await readFile(join(root, path)).catch(() => undefined);
    if (content) tree[path] = createHash('sha256').update(content).digest('hex');
  }
  return tree;
}

/**
 * Waits until nothing is pending at any host of the site, and the outbox is empty. It looks twice:
 * a capture leads to pending entries, and a delivery that puts a file back leads to a capture, so
 * one look could miss the step from the one to the other.
 */
export async function untilNothingPending(site: Site, timeout = 20_000): Promise<void> {
  const [machine] = site.machines;
  let last: unknown;
  const isNothingPending = async (): Promise<boolean> => {
    const { captures, hosts, missingPaths } = await (machine as Machine).app.sync.status();
    const unfinished = hosts.filter(({ pending, blocked }) => pending + blocked > 0);
    last = { captures, unfinished, missingPaths };
    return captures === 0 && unfinished.length === 0;
  };
  await until(async () => (await isNothingPending()) && (await isNothingPending()), {
    timeout,
    what: 'the end of all deliveries',
  }).catch((error: unknown) => {
    const message = `${getErrorMessage(error)}; the last status was ${inspect(last, { depth: 4 })}`;
    throw new Error(message, { cause: error });
  });
}

/** The machines of a site of three. */
export function threeOf(site: Site): [Machine, Machine, Machine] {
  const [one, two, three] = site.machines;
  if (!one || !two || !three) throw new Error('this site has not three machines');
  return [one, two, three];
}
