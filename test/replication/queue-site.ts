import { defaultTuning, type Tuning } from '../../src/config/config.js';
import type { KnownDirs } from '../../src/context/known-dirs.js';
import type { Registry } from '../../src/hosts/registry.js';
import { Acknowledger } from '../../src/ledger/acknowledge.js';
import { EventBus } from '../../src/model/events.js';
import type { DeliveryState, Host, HostId } from '../../src/model/host.js';
import type { Entry } from '../../src/model/entry.js';
import type { Failure } from '../../src/model/failure.js';
import type { Path } from '../../src/model/path.js';
import type { SyncDir } from '../../src/model/sync-dir.js';
import { DeliveryQueue, type DeliveryQueueContext } from '../../src/replication/delivery-queue.js';
import { requireSafePath } from '../../src/replica/paths.js';
import { SyncDirs } from '../../src/replica/sync-dirs.js';
import { getNativeCollection } from '../../src/util/collections.js';
import { makeHost } from '../admin/recording-instance.js';
import { fileEntry } from '../decisions/entries.js';
import { makePartial } from '../harness/partial.js';
import { until } from '../harness/wait.js';
import { openSite, photos, type Site } from '../ledger/site.js';
import { ScriptedBackend } from './scripted-backend.js';

export const documents: SyncDir = { ...photos, path: 'uploads/documents' as Path };
const hour = 3_600_000;

/**
 * One origin, A, with a real ledger, before a backend whose answers the test decides. B and C are
 * the hosts that it delivers to.
 */
export class QueueSite {
  private readonly queues: DeliveryQueue[] = [];
  readonly backend = new ScriptedBackend();
  readonly events = new EventBus();
  readonly states: { to: HostId; state: DeliveryState }[] = [];
  readonly failing: Failure[] = [];
  readonly reconciled: Path[] = [];
  readonly checks: { host: HostId; path: Path }[] = [];
  readonly notices: { to: HostId; files: number }[] = [];
  readonly errors: unknown[] = [];
  recovered = 0;
  hosts: Host[] = ['A', 'B', 'C'].map((id) => makeHost({ id, syncDirs: [], readyAt: new Date(0) }));

  constructor(readonly site: Site) {
    this.events.on('failing', ({ failure }) => this.failing.push(failure));
    this.events.on('recovered', () => this.recovered++);
    this.events.on('failed', ({ error }) => this.errors.push(error));
  }

  /** The context of a queue. By default a failing host is retried after hours, or by request. */
  context(
    tuning: Partial<Tuning> = {},
    given: Partial<DeliveryQueueContext> = {},
  ): DeliveryQueueContext {
    const { ledger } = this.site;
    return {
      backend: this.backend,
      ledger,
      acknowledger: new Acknowledger(ledger, this.events),
      events: this.events,
      tuning: { ...defaultTuning, backoffMs: hour, backoffMaxMs: 100 * hour, ...tuning },
      me: 'A',
      registry: makePartial<Registry>({
        find: (id) => this.hosts.find((host) => host.id === id),
        recordDeliveryState: (to, state) => {
          this.states.push({ to, state });
          return Promise.resolve();
        },
      }),
      findSyncDir: (path) => [photos, documents].find((dir) => path.startsWith(`${dir.path}/`)),
      dirs: makePartial<KnownDirs>({ current: () => new SyncDirs([photos, documents]) }),
      recheckPaths: (paths) => {
        this.reconciled.push(...paths);
        return Promise.resolve();
      },
      requestCheck: (host, path) => {
        this.checks.push({ host, path });
        return Promise.resolve();
      },
      notifyReceiver: (to, files) => {
        this.notices.push({ to, files });
      },
      ...given,
    };
  }

  setHost(id: HostId, fields: Partial<Host>): void {
    this.hosts = this.hosts.map((host) => (host.id === id ? { ...host, ...fields } : host));
  }

  /** Inserts an entry of A that is pending for B. */
  async insert(name: string, fields: Partial<Entry> = {}, dir = photos): Promise<Entry> {
    const entry = fileEntry({
      path: requireSafePath(`${dir.path}/${name}`),
      pending: ['B'],
      ...fields,
    });
    await this.site.ledger.insert(entry);
    return entry;
  }

  async insertMany(names: readonly string[], fields: Partial<Entry> = {}, dir = photos) {
    return Promise.all(names.map((name) => this.insert(name, fields, dir)));
  }

  /** Writes a newer version over an entry, as another save does. */
  async supersede(before: Entry, version: string): Promise<Entry> {
    const entry: Entry = { ...before, version, heldBy: ['A'], pending: ['B'] };
    await this.site.ledger.replace(before.version, entry);
    return entry;
  }

  async read({ path }: { path: Path }): Promise<Entry> {
    const entry = await this.site.ledger.read(path);
    if (!entry) throw new Error(`no entry of ${path}`);
    return entry;
  }

  /** Opens the queue of A for B. `closeQueues` closes it. */
  openQueue(
    tuning: Partial<Tuning> = {},
    given: Partial<DeliveryQueueContext> = {},
  ): DeliveryQueue {
    const queue = new DeliveryQueue('B', this.context(tuning, given));
    this.queues.push(queue);
    return queue;
  }

  async closeQueues(): Promise<void> {
    await Promise.all(this.queues.splice(0).map((queue) => queue.close()));
  }

  /** Waits until B holds all of these. */
  async waitUntilHeld(entries: readonly { path: Path }[]): Promise<void> {
    const paths = entries.map(({ path }) => path);
    await until(
      async () => {
        const now = await this.site.ledger.readMany(paths);
        return paths.every((path) => now.get(path)?.heldBy.includes('B'));
      },
      { what: 'that B holds every file' },
    );
  }

  /** An acknowledger like that of `context`, before whose writes `first` is called. */
  makeAcknowledger(first: () => Promise<void>): Acknowledger {
    const acknowledger = new Acknowledger(this.site.ledger, this.events);
    const acknowledge = acknowledger.acknowledge.bind(acknowledger);
    acknowledger.acknowledge = async (...args) => {
      await first();
      return acknowledge(...args);
    };
    return acknowledger;
  }

  /**
   * Lets everything that a queue may do at once happen: several round trips to the database, which
   * is more than a queue needs between a hint and its send.
   */
  async letItWork(): Promise<void> {
    for (let trip = 0; trip < 5; trip++) await this.site.ledger.hasPending('A', ['B']);
  }
}

/** Opens the site of a test file. `reset` empties the ledger for the next test. */
export async function openQueueSite(): Promise<{
  site: Site;
  reset(): Promise<QueueSite>;
  close(): Promise<void>;
}> {
  const site = await openSite(['A', 'B', 'C']);
  return {
    site,
    reset: async () => {
      await getNativeCollection(site.database.connection, 'ledger').deleteMany({});
      return new QueueSite(site);
    },
    close: () => site.close(),
  };
}
