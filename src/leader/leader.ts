import { isDeepStrictEqual } from 'node:util';
import type { Backend } from '../transport/backend.js';
import type { JudgeAt } from '../transport/options.js';
import { makeLook } from '../capture/make-captures.js';
import { adoptOrphans } from './jobs/take-over.js';
import { Deleting } from './jobs/deletes.js';
import { Filling } from './jobs/backfill.js';
import { Folding } from './jobs/process-outbox.js';
import { Knowing } from './jobs/membership.js';
import { Landed } from '../replication/receive-notices.js';
import { Lanes } from '../replication/delivery-queues.js';
import { NamedSearch } from './jobs/named-search.js';
import { OwnDebts } from './jobs/own-pending.js';
import { OwnDisk } from '../replication/own-disk.js';
import { RegularScan } from './jobs/periodic-scan.js';
import { Reload } from './jobs/reload.js';
import { Sweeping } from './jobs/rescans.js';
import type { Hint } from './wake-socket.js';
import { Heartbeats } from '../hosts/heartbeats.js';
import type { Config, Tuning } from '../config/config.js';
import { Fold } from '../ledger/reconcile-path.js';
import { scanDir } from '../ledger/scan.js';
import { Settler } from '../ledger/acknowledge.js';
import type { Parts } from '../context/host-context.js';
import { wants } from '../decisions/wants.js';
import { isSafePath } from '../replica/paths.js';
import type { ScanScope } from '../replica/scan.js';
import { Bootstrapping } from '../runs/bootstrapping.js';
import { Runner } from '../runs/runner.js';
import type { Entry, HostId, Path, SyncDir, Unsyncable } from '../model/words.js';

/**
 * Everything that a host's leader runs: it processes the outbox, delivers, rescans and carries
 * out runs. It is created each time the process gains the lease and closed when it loses the
 * lease. All its knowledge beyond hints is in the database.
 */
export class Holding {
  private readonly filling: Filling;
  private readonly folding: Folding;
  private readonly ownDebts: OwnDebts;
  private readonly lanes: Lanes;
  private readonly landing: Landed;
  private readonly sweeping: Sweeping;
  private readonly regular: RegularScan;
  private readonly knowing: Knowing;
  private readonly bootstrapping: Bootstrapping;
  private readonly heartbeats: Heartbeats;
  private readonly ending = new AbortController();
  private readonly runner: Runner;
  private readonly reload: Reload | undefined;
  private readonly fold: Fold;
  private readonly disk: OwnDisk;
  private readonly unsubscribe: (() => void)[] = [];
  private timer: NodeJS.Timeout | undefined;
  private polling: Promise<void> | undefined;
  private looking: Promise<void> = Promise.resolve();
  private looksAgain = false;
  private takingOver: Promise<void> | undefined;
  private polls = 0;
  private thoroughAt = 0;

  constructor(
    private readonly parts: Parts,
    config: Config,
    private readonly tuning: Tuning,
    backend: Backend,
    judgeAt: JudgeAt,
  ) {
    const { ledger, events, registry, me, dirs } = parts;
    const settler = new Settler(ledger, events);
    this.disk = new OwnDisk(
      parts.root,
      parts.rootPath,
      () => dirs.current(),
      me,
      judgeAt,
      tuning.leftoverMs,
      (dir, found) => this.noticeUnsyncable(dir, found),
    );
    const named = new NamedSearch(
      (paths, signal) => parts.findNamed(paths, signal),
      this.ending.signal,
    );
    this.fold = new Fold({
      ledger,
      disk: this.disk,
      me,
      events,
      wantedBy: (path) => this.wantedBy(path),
      isReady: () => registry.me().readyAt !== undefined,
      areRemovalsHalted: (path) => (dirs.current().of(path)?.path ?? '') in registry.me().halted,
      isCaptured: (path) => parts.outbox.awaits(me, path),
      awaitedMs: tuning.candidateMs,
      isReferenced: async (path) => {
        const found = await named.ask([path]);
        return found.unjudged.has(path) ? 'unknown' : found.named.has(path);
      },
    });
    const offer = (entries: readonly Entry[]): void => {
      this.lanes.offer(entries);
    };
    const reconcile = async (paths: readonly Path[]): Promise<void> => {
      offer(await this.fold.paths(paths, { why: 'scan', surely: true }));
    };
    this.ownDebts = new OwnDebts({ ledger, me, reconcile, everyMs: tuning.captureDueMs });
    this.landing = new Landed(events, (files) => registry.raiseLanded(files));
    this.lanes = new Lanes({
      backend,
      ledger,
      settler,
      events,
      tuning,
      me,
      host: (id) => registry.all().find((host) => host.id === id),
      dirOf: (path) => this.dirOf(path),
      isOfOurDirs: (path) => dirs.current().of(path) !== undefined,
      reconcile,
      askToLook: (host, path) => parts.outbox.insert(makeLook(host, path)),
      record: async (to, lane) => {
        await registry.recordLane(to, lane);
      },
      landed: (to, files) => {
        this.landing.add(to, files);
      },
    });
    this.sweeping = new Sweeping({
      events,
      dirs: () => dirs.current().list,
      owed: () => Promise.resolve(registry.me().sweeps),
      store: (dir, dueAt) => registry.storeSweep(dir, dueAt),
      scan: (dir, signal) => this.scan(dir, signal),
    });
    this.regular = new RegularScan({
      events,
      tuning,
      me: () => registry.me(),
      dirs: () => dirs.current().list,
      record: (dir, times) => registry.recordScan(dir, times),
      scan: (dir, signal, scope) => this.scan(dir, signal, scope),
      forgetTombstones: (dir, before) => ledger.forgetTombstones(dir, before),
    });
    this.knowing = new Knowing({
      fold: this.fold,
      events,
      me,
      hosts: () => registry.all(),
      known: () => registry.me().knows ?? [],
      record: (ids) => registry.recordKnown(ids),
    });
    this.bootstrapping = new Bootstrapping({ registry, runs: parts.runs, tuning, me });
    this.heartbeats = new Heartbeats(tuning.goneMs, 3 * tuning.pollMs);
    const deleting = new Deleting({
      ledger,
      disk: this.disk,
      me,
      events,
      candidateMs: tuning.candidateMs,
      dirOf: (path) => this.dirOf(path),
      wantedBy: (path) => this.wantedBy(path),
      fold: (paths) => this.fold.paths(paths, { why: 'named' }),
      findNamed: (paths) => named.ask(paths),
      isHalted: (dir) => dir in registry.me().halted,
      decided: (dir) => registry.me().removals?.[dir],
      halt: (dir, failure) => registry.recordHalt(dir, failure),
    });
    this.folding = new Folding({
      fold: this.fold,
      deleting,
      outbox: parts.outbox,
      events,
      tuning,
      me,
      offer,
      oweSweep: (dir, after) => this.sweeping.owe(dir, after),
    });
    this.filling = new Filling({
      ledger,
      me,
      hosts: () => registry.all(),
      dirs: () => dirs.current().list,
      filled: () => registry.me().filled ?? [],
      record: (key) => registry.recordFilled(key),
      forget: (key) => registry.forgetFilled(key),
      wakeLane: (host) => {
        this.lanes.wake(host);
      },
    });
    this.reload =
      config.reloadCommand &&
      new Reload(config.reloadCommand, events, async (outcome) => {
        await registry.recordReload({ at: new Date(), ...outcome });
      });
    this.runner = new Runner(parts.runs, {
      backend,
      ledger,
      fold: this.fold,
      disk: this.disk,
      settler,
      events,
      me,
      offer,
      myHost: () => registry.me(),
      others: () => registry.others(),
      refresh: () => parts.refresh(),
      isGone: (id) => this.heartbeats.isGone(id),
      knownPatienceMs: 2 * tuning.goneMs,
      dirs: () => dirs.current().list,
      isSafe: (path): path is Path => this.dirOf(path as Path) !== undefined,
      scan: (dir, signal) => this.scan(dir, signal),
      wakeLane: (host) => {
        this.lanes.wake(host);
      },
      markReady: async () => {
        await registry.markReady();
      },
      landedHere: (files) => {
        this.landed(files);
      },
      isCaptured: (host, path) => parts.outbox.awaits(host, path),
    });
  }

  async start(): Promise<void> {
    const { registry } = this.parts;
    this.unsubscribe.push(
      registry.onLanded((landed) => {
        this.landed(landed);
      }),
      registry.onChange(() => {
        this.followHosts();
        this.thoroughAt = 0;
      }),
    );
    this.followHosts();
    await this.sweeping.start();
    this.takingOver = this.folding.takeOver().catch((error: unknown) => {
      this.parts.events.emit('failed', { doing: 'reconciling earlier captures', error });
    });
    await this.bootstrapping.begin();
    await this.bootstrapping.poll();
    this.runner.wake();
    this.timer = setInterval(() => {
      this.poll();
    }, this.tuning.pollMs);
    this.timer.unref();
    this.poll();
  }

  /**
   * Handles a hint of this process or, through the socket, of another one. Returns false once
   * this process stops; then another leader must get the hint.
   */
  take({ captures, run, look }: Hint): boolean {
    if (this.ending.signal.aborted || (captures && !this.folding.hand(captures))) return false;
    if (run) this.runner.wake();
    if (look) this.lookForCaptures();
    return true;
  }

  async close(): Promise<void> {
    this.ending.abort();
    clearInterval(this.timer);
    for (const stop of this.unsubscribe) stop();
    await Promise.all([
      this.polling,
      this.looking,
      this.takingOver,
      this.folding.close(),
      this.sweeping.close(),
      this.regular.close(),
      this.knowing.close(),
      this.runner.close(),
      this.reload?.close(),
    ]);
    await this.lanes.close();
    await this.landing.close();
  }

  /**
   * A host that waits for approval has access nowhere and sends nothing yet. Its pending entries
   * stay in the ledger.
   */
  private followHosts(): void {
    const { registry, me } = this.parts;
    const hosts = registry.all();
    this.lanes.follow(hosts.find(({ id }) => id === me)?.status === 'pending' ? [] : hosts);
  }

  private poll(): void {
    this.polling ??= this.lookAtDatabase()
      .catch((error: unknown) => {
        this.parts.events.emit('failed', { doing: 'polling the database', error });
      })
      .finally(() => {
        this.polling = undefined;
      });
  }

  /** Requests during a check are served by one more check. */
  private lookForCaptures(): void {
    if (this.looksAgain) return;
    this.looksAgain = true;
    this.looking = this.looking
      .then(() => {
        this.looksAgain = false;
        return this.folding.poll();
      })
      .catch((error: unknown) => {
        this.parts.events.emit('failed', { doing: 'polling the outbox', error });
      });
  }

  private async lookAtDatabase(): Promise<void> {
    const { registry } = this.parts;
    const isSecond = this.polls++ % 2 === 0;
    await (isSecond ? this.parts.refresh() : registry.refresh());
    if (this.ending.signal.aborted) return;
    this.heartbeats.observe(registry.all());
    this.knowing.poll();
    await this.bootstrapping.poll();
    this.followHosts();
    if (isSecond) this.runner.wake();
    await this.folding.poll();
    if (performance.now() >= this.thoroughAt || this.folding.hasDropped)
      await this.lookThoroughly();
  }

  /** Finds everything whose hint was lost. */
  private async lookThoroughly(): Promise<void> {
    const { registry } = this.parts;
    this.thoroughAt = performance.now() + this.tuning.thoroughMs;
    await this.ownDebts.poll();
    // Other hosts must not get the files of a host that is not ready.
    if (registry.me().readyAt !== undefined) {
      const offer = (entries: readonly Entry[]): void => {
        this.lanes.offer(entries);
      };
      await adoptOrphans(
        { ledger: this.parts.ledger, me: this.parts.me, offer },
        this.heartbeats.listGone(registry.all()),
        this.ending.signal,
      );
    }
    await this.filling.poll();
    await this.lanes.poll();
    this.regular.poll();
  }

  private async scan(dir: SyncDir, signal: AbortSignal, scope?: ScanScope): Promise<void> {
    const { ledger, me } = this.parts;
    await scanDir(
      { fold: this.fold, ledger, disk: this.disk, me },
      dir,
      signal,
      (entries) => {
        this.lanes.offer(entries);
      },
      scope,
    );
  }

  private async noticeUnsyncable({ path }: SyncDir, found: Unsyncable): Promise<void> {
    const { registry, events } = this.parts;
    const before = registry.me().unsyncable?.[path];
    if (isDeepStrictEqual(before ?? { count: 0, examples: [] }, found)) return;
    await registry.recordUnsyncable(path, found.count > 0 ? found : undefined);
    if (found.count > 0) events.emit('unsyncable', { dir: path, found });
  }

  private landed(files: number): void {
    this.parts.events.emit('landed', { files });
    this.reload?.ask();
  }

  /**
   * Finds the sync dir of a path that may be synced. This checks paths from rows and other
   * processes.
   */
  private dirOf(path: Path): SyncDir | undefined {
    const dirs = this.parts.dirs.current();
    return isSafePath(path) && !dirs.isExcluded(path) ? dirs.of(path) : undefined;
  }

  private wantedBy(path: Path): HostId[] | undefined {
    const { registry, me } = this.parts;
    if (!this.dirOf(path)) return undefined;
    return registry
      .owed()
      .filter((host) => host.id !== me && wants(host, path))
      .map(({ id }) => id);
  }
}
