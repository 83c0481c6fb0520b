import { execFile } from 'node:child_process';
import { mkdir, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Backend } from '../../src/transport/backend.js';
import type { RsyncCall, CreateResolver, BackendOptions } from '../../src/transport/options.js';
import type { Log } from '../../src/model/log.js';
import { nodeDisk } from '../../src/replica/node-disk.js';
import { writeMarker } from '../../src/replica/marker.js';
import { requireSafePath } from '../../src/replica/paths.js';
import { Replica } from '../../src/replica/replica.js';
import { SyncDirs } from '../../src/replica/sync-dirs.js';
import { Ssh } from '../../src/transport/ssh/ssh.js';
import type { ReplacedBy, Resolution } from '../../src/model/resolution.js';
import type { Change, Difference, DeliveryOutcome } from '../../src/model/change.js';
import type { ConflictRule, SyncDir } from '../../src/model/sync-dir.js';
import type { BackendName } from '../../src/model/backend-name.js';
import type { Host } from '../../src/model/host.js';
import type { Path } from '../../src/model/path.js';
import { confine, readKey } from '../gate/confined.js';
import { startHost, type HostOptions, type TestHost } from '../harness/sshd.js';
import { makeTestDir } from '../harness/tmp.js';

const run = promisify(execFile);

export interface SiteOptions {
  readonly there?: Partial<HostOptions>;
  readonly dirs?: readonly SyncDir[];
  readonly backend?: Partial<BackendOptions>;
  /** Name of the root's directory on the other host. */
  readonly rootName?: string;
  /** Whether our key is confined to the sync dirs there, as `init` does it. Default false. */
  readonly confined?: boolean;
  /** How many other hosts there are, each with its own sshd. Default 1. */
  readonly hosts?: 1 | 3;
  /** The sync dirs of one of the other hosts. Default: all. */
  readonly dirsOf?: (host: number) => readonly SyncDir[];
  /** What the other hosts run with. Default rsync. */
  readonly backendName?: BackendName;
}

export interface ResolverCall {
  readonly path: Path;
  readonly by: ReplacedBy;
  readonly size: number;
}

/** Another host, as this one sees it, and as it is. */
export interface OtherHost {
  readonly there: TestHost;
  readonly root: string;
  readonly host: Host;
  readonly dirs: readonly SyncDir[];
  /** Empties its sync dirs, which stay marked. */
  reset(): Promise<void>;
}

/** This host and others, with their sync dirs, and a backend between them. */
export interface Site {
  readonly here: string;
  readonly hosts: readonly OtherHost[];
  /** The first of the other hosts. */
  readonly there: TestHost;
  readonly rootThere: string;
  readonly host: Host;
  /** Our private key. */
  readonly identityFile: string;
  readonly ssh: Ssh;
  readonly backend: Backend;
  readonly calls: RsyncCall[];
  /** Calls of the resolver, and its answers by path; the default is `conflict`. */
  readonly resolved: ResolverCall[];
  readonly resolutions: Map<Path, Resolution>;
  readonly warnings: string[];
  readonly options: BackendOptions;
  close(): Promise<void>;
}

export const photos: SyncDir = {
  path: requireSafePath('uploads/photos'),
  exclude: ['*.tmp', '/cache/'],
  conflict: 'newer',
  onDelete: 'keep',
};
export const self = 'host-a';

export async function makeSite(
  create: (options: BackendOptions) => Backend,
  given: SiteOptions = {},
): Promise<Site> {
  const dir = await makeTestDir();
  const dirs = given.dirs ?? [photos];
  const identityFile = join(dir.path, 'id_ed25519');
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', identityFile]);
  const here = join(dir.path, 'root');
  await makeDirs(here, self, dirs);
  const ssh = new Ssh({
    stateDir: join(dir.path, 'state'),
    identityFile,
    timeoutMs: given.backend?.timeoutMs ?? 10_000,
    idleMs: 60_000,
  });
  const hosts: OtherHost[] = [];
  for (const name of ['b', 'c', 'd'].slice(0, given.hosts ?? 1))
    hosts.push(
      await startOtherHost(name, given, given.dirsOf?.(hosts.length) ?? dirs, identityFile, ssh),
    );
  const [{ there, root: rootThere, host }] = hosts as [OtherHost];
  const calls: RsyncCall[] = [],
    resolved: ResolverCall[] = [],
    warnings: string[] = [];
  const resolutions = new Map<Path, Resolution>();
  const createResolver: CreateResolver = () => (path, found, by) => {
    resolved.push({ path, by, size: found.size });
    return Promise.resolve(resolutions.get(path) ?? 'conflict');
  };
  const log: Log = {
    info: () => undefined,
    warn: (message) => {
      warnings.push(message);
    },
    error: (message) => {
      warnings.push(message);
    },
  };
  const all = new SyncDirs(dirs);
  const options: BackendOptions = {
    replica: new Replica(here, () => all, { me: () => self }),
    dirs: () => all,
    self,
    ssh,
    createResolver,
    timeoutMs: 10_000,
    bandwidthLimit: undefined,
    chmod: 'F644',
    log,
    onCall: (call) => {
      calls.push(call);
    },
    ...given.backend,
  };
  const backend = create(options);
  const close = async (): Promise<void> => {
    await backend.close();
    for (const one of hosts) await one.there.close();
    await dir.remove();
  };
  return {
    here,
    hosts,
    there,
    rootThere,
    host,
    identityFile,
    ssh,
    backend,
    calls,
    resolved,
    resolutions,
    warnings,
    options,
    close,
  };
}

async function startOtherHost(
  name: string,
  given: SiteOptions,
  dirs: readonly SyncDir[],
  identityFile: string,
  ssh: Ssh,
): Promise<OtherHost> {
  const there = await startHost({ name, ...given.there });
  const root = given.rootName === undefined ? there.root : join(there.root, given.rootName);
  const host: Host = {
    ...hostAt(there, root),
    id: `host-${name}`,
    backend: given.backendName ?? 'rsync',
  };
  await makeDirs(root, host.id, dirs);
  const publicKey = await readKey(identityFile);
  if (given.confined)
    await confine(
      there,
      root,
      dirs.map(({ path }) => path),
      { id: self, publicKey },
    );
  else await there.trust(publicKey);
  const reset = async (): Promise<void> => {
    // A confined connection reaches the sync dirs that were there when it began.
    await ssh.connections.use(host, (connection) => {
      connection.retire();
      return Promise.resolve();
    });
    await rm(join(root, 'uploads'), { recursive: true, force: true });
    await makeDirs(root, host.id, dirs);
  };
  return { there, root, host, dirs, reset };
}

/** Makes the sync dirs of a host, with its markers. */
export async function makeDirs(root: string, id: string, dirs: readonly SyncDir[]): Promise<void> {
  for (const { path } of dirs) {
    await mkdir(join(root, path), { recursive: true });
    await writeMarker(nodeDisk, join(root, path), id, path);
  }
}

export function hostAt(there: TestHost, rootPath = there.root): Host {
  const now = new Date();
  return {
    id: 'host-b',
    hostname: there.name,
    url: there.hostname,
    sshPort: there.port,
    username: there.username,
    publicKey: '',
    hostKeys: there.hostPublicKeys,
    rootPath,
    syncDirs: [],
    backend: 'rsync',
    passive: false,
    status: 'approved',
    deliveries: {},
    rescans: {},
    received: 0,
    halted: {},
    createdAt: now,
    updatedAt: now,
  };
}

/** Writes a file below a root, with a time in whole seconds; default: now. */
export async function put(
  root: string,
  path: string,
  content: string | Uint8Array,
  mtime?: number,
): Promise<void> {
  const file = join(root, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
  if (mtime !== undefined) await utimes(file, mtime, mtime);
}

/** The change that puts the file as it is at `root` now. */
export async function changeOf(
  root: string,
  path: string,
  rule?: ConflictRule,
  dir = photos,
): Promise<Change> {
  const { size, mtimeMs } = await stat(join(root, path));
  const facts = { size, mtime: Math.floor(mtimeMs / 1000) };
  return {
    path: requireSafePath(path),
    dir,
    version: 'v1',
    do: 'put',
    info: facts,
    ...(rule === undefined ? {} : { rule }),
  };
}

export function removalOf(path: string, dir = photos): Change {
  return { path: requireSafePath(path), dir, version: 'v1', do: 'remove' };
}

export const never = new AbortController().signal;

export async function collect(
  outcomes: AsyncIterable<DeliveryOutcome>,
): Promise<Map<string, DeliveryOutcome>> {
  const found = new Map<string, DeliveryOutcome>();
  for await (const outcome of outcomes) {
    if (found.has(outcome.change.path))
      throw new Error(`${outcome.change.path} was answered twice`);
    found.set(outcome.change.path, outcome);
  }
  return found;
}

/** Each path with its result, and the failure's code behind it. */
export async function results(
  outcomes: AsyncIterable<DeliveryOutcome>,
): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const [path, outcome] of await collect(outcomes)) {
    found[path] =
      'failure' in outcome
        ? `${outcome.result}: ${outcome.failure.code} of ${outcome.failure.scope}`
        : outcome.result;
  }
  return found;
}

export async function differences(
  found: AsyncIterable<Difference>,
): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  for await (const { path, here, there } of found) {
    if (path in all) throw new Error(`${path} was told twice`);
    all[path] = here === undefined ? 'only there' : there === undefined ? 'only here' : 'differs';
  }
  return all;
}

/** The names in a directory, sorted: its own order is the file system's. */
export async function namesIn(path: string): Promise<string[]> {
  return (await readdir(path)).sort();
}
