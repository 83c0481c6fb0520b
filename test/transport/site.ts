import { execFile } from 'node:child_process';
import { mkdir, readdir, stat, utimes, writeFile } from 'node:fs/promises';
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
}

export interface ResolverCall {
  readonly path: Path;
  readonly by: ReplacedBy;
  readonly size: number;
}

/** This host and another one, with a sync dir each, and a backend between them. */
export interface Site {
  readonly here: string;
  readonly there: TestHost;
  readonly rootThere: string;
  readonly host: Host;
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
  const there = await startHost({ name: 'b', ...given.there });
  const dirs = given.dirs ?? [photos];
  const identityFile = join(dir.path, 'id_ed25519');
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', identityFile]);
  const here = join(dir.path, 'root');
  const rootThere = given.rootName === undefined ? there.root : join(there.root, given.rootName);
  const host = hostAt(there, rootThere);
  for (const { path } of dirs) {
    for (const [root, id] of [
      [here, self],
      [rootThere, host.id],
    ] as const) {
      await mkdir(join(root, path), { recursive: true });
      await writeMarker(nodeDisk, join(root, path), id, path);
    }
  }
  if (given.confined)
    await confine(
      there,
      rootThere,
      dirs.map(({ path }) => path),
      { id: self, publicKey: await readKey(identityFile) },
    );
  else await there.trust(await readKey(identityFile));
  const ssh = new Ssh({
    stateDir: join(dir.path, 'state'),
    identityFile,
    timeoutMs: given.backend?.timeoutMs ?? 10_000,
    idleMs: 60_000,
  });
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
    await there.close();
    await dir.remove();
  };
  return {
    here,
    there,
    rootThere,
    host,
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
