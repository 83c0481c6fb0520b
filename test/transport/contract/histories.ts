import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { expect } from 'vitest';
import { setGateHistory } from '../../../src/access/gate.js';
import type { Change } from '../../../src/model/change.js';
import type { Path } from '../../../src/model/path.js';
import { Replica } from '../../../src/replica/replica.js';
import type { Backend } from '../../../src/transport/backend.js';
import type { History } from '../../../src/transport/history.js';
import type { BackendOptions } from '../../../src/transport/options.js';
import { Ssh } from '../../../src/transport/ssh/ssh.js';
import { limits, readAll, sha256 } from '../git/site.js';
import { never, type OtherHost, type Site, type SiteOptions } from '../site.js';

const FIRST_TIME = Date.now() - 60 * 60_000;

interface Recorded {
  readonly path: Path;
  readonly version: string;
  /** Undefined where the version is a removal. */
  readonly sha256?: string;
}

/**
 * The history of this host, and those of the other hosts, which get it. Without confined keys no
 * host takes another one's history, and there is this host's only. A backend without a history has
 * none of them.
 */
export class Histories {
  private recorded: Recorded[] = [];
  private count = 0;

  private constructor(
    private readonly site: Site,
    private readonly backends: readonly Backend[],
  ) {}

  static async open(
    site: Site,
    create: (options: BackendOptions) => Backend,
    { confined, backendName = 'rsync' }: SiteOptions,
  ): Promise<Histories> {
    const { history } = site.backend;
    expect(history !== undefined).toBe(backendName !== 'rsync');
    await history?.open(never);
    const others: Backend[] = [];
    if (history && confined === true)
      for (const host of site.hosts) others.push(await openHistoryThere(site, create, host));
    return new Histories(site, others);
  }

  /** Records what was sent, as the leader does after a delivery. */
  async record(changes: readonly Change[]): Promise<void> {
    const { history } = this.site.backend;
    if (!history) return;
    const requests = [];
    for (const { path, do: what } of changes) {
      const version = randomBytes(8).toString('hex');
      // Commits name seconds, so each version gets one of its own.
      const at = new Date(FIRST_TIME + this.count++ * 1000);
      const info = what === 'put' ? await this.site.options.replica.hash(path) : undefined;
      requests.push({ path, version, at, ...(info && { info }) });
      this.recorded.push({ path, version, ...(info && { sha256: info.sha256 }) });
    }
    expect(await history.record(requests, never)).toEqual([]);
  }

  /**
   * Expects that each version which was recorded since the last call is in every history, with its
   * bytes.
   */
  async expectAll(): Promise<void> {
    const { site, recorded } = this;
    this.recorded = [];
    const { history } = site.backend;
    if (!history) return;
    if (this.backends.length > 0)
      for (const { host } of site.hosts) expect(await history.share(host, never)).toBeUndefined();
    for (const one of [history, ...this.backends.map((backend) => backend.history)])
      if (one) expect(await readVersions(one, recorded)).toEqual(recorded);
  }

  async close(): Promise<void> {
    for (const backend of this.backends) await backend.close();
  }
}

/** Reads the versions that a history has at the paths of these ones. */
async function readVersions(history: History, wanted: readonly Recorded[]): Promise<Recorded[]> {
  const found: Recorded[] = [];
  for (const path of new Set(wanted.map((one) => one.path)))
    for (const recorded of await history.list(path, 100, never)) {
      const { version, as } = recorded;
      if (!wanted.some((one) => one.version === version)) continue;
      found.push({
        path,
        version,
        ...(as !== 'removed' && { sha256: sha256(await readAll(history.read(recorded, never))) }),
      });
    }
  const orderOf = ({ version }: Recorded): number =>
    wanted.findIndex((one) => one.version === version);
  return found.sort((a, b) => orderOf(a) - orderOf(b));
}

/** Makes the history of another host, and opens it to the hosts whose keys are confined there. */
export async function openHistoryThere(
  { identityFile, options }: Site,
  create: (options: BackendOptions) => Backend,
  { there, root, host }: OtherHost,
): Promise<Backend> {
  const backend = create({
    ...options,
    self: host.id,
    replica: new Replica(root, options.dirs, { me: () => host.id }),
    ssh: new Ssh({
      stateDir: join(there.dir, 'ssh-of-history'),
      identityFile,
      timeoutMs: 10_000,
      idleMs: 1_000,
    }),
  });
  const { history } = backend;
  if (!history) throw new Error('this backend keeps no history');
  await history.open(never);
  const { place, annexPlace } = history;
  const { maxBytes } = limits;
  await setGateHistory(there.stateDir, {
    repository: place,
    maxBytes,
    ...(annexPlace !== undefined && { annex: annexPlace }),
  });
  return backend;
}
