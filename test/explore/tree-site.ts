import { createHash, randomUUID } from 'node:crypto';
import {
  copyFile,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createReplacedFileResolver } from '../../src/replication/resolve-replaced.js';
import { hasErrorCode, SyncMediaError } from '../../src/model/errors.js';
import { scanSyncDir } from '../../src/ledger/scan.js';
import { Acknowledger } from '../../src/ledger/acknowledge.js';
import { isUnconcerned, mayDeliver } from '../../src/decisions/transitions.js';
import { areas, newName, type SyncDirLocation } from '../../src/replica/areas.js';
import { isBackAtPath } from '../../src/replica/replaced.js';
import { placeFile, removeFile } from '../../src/replica/place.js';
import { nodeDisk } from '../../src/replica/node-disk.js';
import { checkMarker } from '../../src/replica/marker.js';
import type { Entry } from '../../src/model/entry.js';
import type { HostId } from '../../src/model/host.js';
import type { Path } from '../../src/model/path.js';
import { makeTombstoneEntry } from '../../src/decisions/entries.js';
import { openSite, photos, type SiteReplica, type Site } from '../ledger/site.js';

/**
 * Two hosts with real disks and a real ledger; the app, the scans and the deliveries act when a
 * test says so.
 */
export class TreeSite {
  /**
   * What the app wrote on each host and did not take away there: it must be somewhere on that disk.
   */
  private readonly written = new Map<HostId, Set<string>>([
    ['A', new Set()],
    ['B', new Set()],
  ]);
  private readonly away = new Set<HostId>();
  private readonly acknowledger: Acknowledger;
  private count = 0;

  private constructor(
    private readonly site: Site,
    private readonly replicas: Record<HostId, SiteReplica>,
  ) {
    this.acknowledger = new Acknowledger(site.ledger, site.events);
  }

  static async open(): Promise<TreeSite> {
    const site = await openSite(['A', 'B']);
    return new TreeSite(site, { A: await site.replica('A'), B: await site.replica('B') });
  }

  /**
   * The app puts a file here, whatever is in its way: a directory of the name, a file where a
   * directory has to be.
   */
  async write(host: HostId, path: Path): Promise<void> {
    if (this.away.has(host)) return;
    const content = `content ${++this.count} of ${host}`;
    for (let folder = dirname(path); folder !== photos.path; folder = dirname(folder))
      await this.unlinkFile(host, folder);
    await this.unlink(host, path);
    await mkdir(dirname(this.at(host, path)), { recursive: true });
    await writeFile(this.at(host, path), content);
    await utimes(this.at(host, path), 1_000 + this.count, 1_000 + this.count);
    this.written.get(host)?.add(content);
  }

  /** The app removes a file, or a whole directory. */
  async unlink(host: HostId, path: string): Promise<void> {
    if (this.away.has(host) || !(await lstat(this.at(host, path)).catch(() => undefined))) return;
    for (const content of await contentsBelow(this.at(host, path)))
      this.written.get(host)?.delete(content);
    await rm(this.at(host, path), { recursive: true, force: true });
  }

  /** A document that named it was deleted, and the app has removed it here. */
  async delete(host: HostId, path: Path): Promise<void> {
    const { ledger } = this.site,
      before = await ledger.read(path);
    if (this.away.has(host) || before?.kind !== 'file') return;
    await this.unlinkFile(host, path);
    const others = Object.keys(this.replicas).filter((one) => one !== host);
    await ledger.replace(
      before.version,
      makeTombstoneEntry(before, {
        path,
        version: randomUUID(),
        me: host,
        wantedBy: others,
        now: new Date(),
      }),
    );
  }

  /** The sync dir is unmounted, or mounted again. */
  async toggle(host: HostId): Promise<void> {
    const [here, hidden] = [this.at(host, photos.path), this.at(host, 'unmounted')];
    if (this.away.delete(host)) await rename(hidden, here);
    else {
      await rename(here, hidden);
      this.away.add(host);
    }
  }

  async scan(host: HostId): Promise<void> {
    const { reconciler, disk } = this.replica(host);
    try {
      await scanSyncDir(
        { reconciler, ledger: this.site.ledger, disk, me: host },
        photos,
        new AbortController().signal,
        () => undefined,
      );
    } catch (error) {
      if (!this.away.has(host) || !hasErrorCode(error, 'NO_MARKER')) throw error;
    }
  }

  /**
   * As a delivery queue does, with a copy on this machine for the transfer. `between`: what happens
   * in the middle of each placement.
   */
  async deliver(
    from: HostId,
    to: HostId,
    between: () => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    const { ledger } = this.site;
    for (const { path } of await ledger.findPending(to, from, 100)) {
      const entry = await ledger.read(path);
      if (!entry || !mayDeliver(entry, from, to) || this.away.has(from)) continue;
      const place: SyncDirLocation = {
        disk: nodeDisk,
        dirPath: this.at(to, photos.path),
        dir: photos.path,
      };
      if (await checkMarker(nodeDisk, place.dirPath, to, photos.path)) continue;
      try {
        await this.placeEntry(entry, from, to, place, between);
      } catch (error) {
        if (!(error instanceof SyncMediaError)) throw error;
        if (this.away.has(to)) continue;
        await ledger.blockDelivery(
          entry,
          to,
          { code: error.code, message: error.message, retryable: true, scope: 'path' },
          new Date(0),
          new Date(0),
        );
      }
    }
  }

  /** Scans, takeovers and deliveries of all, until they change nothing. */
  async comeToRest(): Promise<void> {
    const { ledger } = this.site;
    for (const host of [...this.away]) await this.toggle(host);
    let before = '';
    for (let round = 0; round < 20; round++) {
      for (const host of Object.keys(this.replicas)) {
        await this.scan(host);
        for (const entry of await ledger.findForTakeOver(host, [], 100))
          await ledger.takeOver(entry, host);
        await ledger.retryDueBlocked(host, new Date(), 100);
      }
      await this.deliver('A', 'B');
      await this.deliver('B', 'A');
      const now = JSON.stringify(
        [await this.entries(), await this.treeOf('A'), await this.treeOf('B')],
        (key: string, value: unknown) => (key === 'since' ? 0 : value),
      );
      if (now === before) return;
      before = now;
    }
    throw new Error('it does not come to rest');
  }

  async entries(): Promise<Entry[]> {
    const entries: Entry[] = [];
    for await (const entry of this.site.ledger.streamBelow(photos.path)) entries.push(entry);
    return entries;
  }

  /** The broken promises at rest. */
  async findBroken(): Promise<string[]> {
    const broken: string[] = [];
    for (const [host, contents] of this.written) {
      const there = new Set(await contentsBelow(this.at(host, photos.path)));
      for (const content of contents)
        if (!there.has(content)) broken.push(`${content} is gone from ${host}`);
    }
    for (const entry of await this.entries()) {
      for (const host of Object.keys(this.replicas))
        broken.push(...(await this.findWrong(entry, host)));
    }
    return broken;
  }

  async close(): Promise<void> {
    await this.site.close();
  }

  at(host: HostId, path: string): string {
    return join(this.replica(host).root, path);
  }
  isAway(host: HostId): boolean {
    return this.away.has(host);
  }

  private async findWrong(entry: Entry, host: HostId): Promise<string[]> {
    const what = `${host}, ${entry.path}`,
      at = this.at(host, entry.path);
    const found = (await lstat(at).catch(() => undefined))?.isFile()
      ? createHash('sha256')
          .update(await readFile(at))
          .digest('hex')
      : undefined;
    const blocked = entry.blocked.find((one) => one.host === host);
    if (entry.kind === 'tombstone')
      return entry.heldBy.includes(host) && found === undefined
        ? []
        : [`${what}: a file under a tombstone`];
    if (entry.heldBy.includes(host))
      return found === entry.info?.sha256 ? [] : [`${what}: holds it, but has it not`];
    if (entry.heldBy.length === 0) return [];
    // A file where the other has a directory is for a person to decide, unless it is deleted.
    if (blocked)
      return ['NOT_A_FILE', 'LINK_FAILED'].includes(blocked.failure.code)
        ? []
        : [`${what}: blocked by ${blocked.failure.message}`];
    if (entry.pending.includes(host)) return [`${what}: pending for ever`];
    return isUnconcerned(entry, host) && found !== entry.info?.sha256
      ? []
      : [`${what}: has it, but does not hold it`];
  }

  private async placeEntry(
    entry: Entry,
    from: HostId,
    to: HostId,
    place: SyncDirLocation,
    between: () => Promise<void>,
  ): Promise<void> {
    const resolver = createReplacedFileResolver(this.site.ledger, { all: () => [] })(to, () => ({
      version: entry.version,
      ruled: false,
    }));
    if (entry.kind === 'tombstone') {
      const resolved = await removeFile(place, entry.path, resolver);
      if (isBackAtPath(resolved)) await this.site.ledger.releaseHost(entry, to);
      else await this.acknowledger.acknowledge(entry.path, entry.version, to);
      return;
    }
    const seen = await this.replica(from).disk.hash(entry.path);
    if (!seen || seen.sha256 !== entry.info?.sha256) return;
    const unfinished = join(place.dirPath, areas.tmp, newName());
    await copyFile(this.at(from, entry.path), unfinished);
    await utimes(unfinished, seen.mtime, seen.mtime);
    await between();
    try {
      await placeFile(place, entry.path, unfinished, resolver);
    } finally {
      await rm(unfinished, { force: true });
    }
    await this.acknowledger.acknowledge(entry.path, entry.version, to);
  }

  private async unlinkFile(host: HostId, path: string): Promise<void> {
    if ((await lstat(this.at(host, path)).catch(() => undefined))?.isFile())
      await this.unlink(host, path);
  }

  private async treeOf(host: HostId): Promise<string[]> {
    return (await readdir(this.at(host, photos.path), { recursive: true }))
      .filter((name) => !name.startsWith('.syncmedia'))
      .sort();
  }

  private replica(host: HostId): SiteReplica {
    const found = this.replicas[host];
    if (!found) throw new Error(`no host ${host}`);
    return found;
  }
}

/** Of all files at or below it, also the recoverable and the replaced ones. */
async function contentsBelow(at: string): Promise<string[]> {
  const stat = await lstat(at).catch(() => undefined);
  if (stat?.isFile()) return [await readFile(at, 'utf8')];
  if (!stat?.isDirectory()) return [];
  const below = await readdir(at, { recursive: true, withFileTypes: true });
  return Promise.all(
    below
      .filter((entry) => entry.isFile())
      .map((entry) => readFile(join(entry.parentPath, entry.name), 'utf8')),
  );
}
