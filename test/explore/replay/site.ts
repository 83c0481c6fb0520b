import { getNativeCollection } from '../../../src/util/collections.js';
import { Ledger } from '../../../src/ledger/ledger.js';
import type { LedgerRow } from '../../../src/ledger/filters.js';
import type { Host, HostId } from '../../../src/model/host.js';
import { testDatabase, type TestDatabase } from '../../harness/database.js';
import { startHost, type TestHost } from '../../harness/sshd.js';
import { makeRowReader } from '../../harness/row-reader.js';
import { hostIds } from '../decisions.js';
import { hostOf, isAwaited, isPassive, type Model, wantedBy } from '../model.js';
import type { State } from '../state.js';
import { ReplayHost } from './host.js';

/** Real hosts, on which walks of the explorer are taken step by step. */
export class ReplaySite {
  private constructor(
    readonly database: TestDatabase,
    readonly ledger: Ledger,
    private readonly hosts: readonly TestHost[],
  ) {}

  static async open(): Promise<ReplaySite> {
    const database = await testDatabase(),
      hosts: TestHost[] = [];
    try {
      for (const name of ['a', 'b', 'c']) hosts.push(await startHost({ name }));
      for (const host of hosts)
        for (const other of hosts) if (other !== host) await host.trust(other.publicKey);
      const ledger = new Ledger(
        () => getNativeCollection<LedgerRow>(database.connection, 'ledger'),
        makeRowReader(database.connection),
      );
      await ledger.ensureIndexes();
      return new ReplaySite(database, ledger, hosts);
    } catch (error) {
      for (const host of hosts) await host.close();
      await database.close();
      throw error;
    }
  }

  hostRows(around: { state(): State; model(): Model }): Host[] {
    return this.hosts.map((host, i) => ({
      ...rowOf(host, hostIds[i] ?? ''),
      ...statusOf(around, i),
    }));
  }

  /** Hosts that take walks, one after the other: each is of another path. */
  async hostsFor(around: { state(): State; model(): Model }): Promise<ReplayHost[]> {
    const made = this.hosts.map(
      (host, i) =>
        new ReplayHost(hostIds[i] ?? '', host, this.ledger, {
          hosts: () => this.hostRows(around),
          isNamed: () => around.state().isNamed,
          isAwaited: (me) => isAwaited(around.state(), hostIds.indexOf(me)),
          isReady: (me) =>
            !around.model().decisions.isNotReady(around.state(), hostIds.indexOf(me)),
          wantedBy: (me) => {
            const state = around.state(),
              index = hostIds.indexOf(me),
              own = hostOf(state, index);
            const set = wantedBy(
              around.model(),
              state,
              index,
              own.look.step === 'none' ? own.listed : own.look.listed,
            );
            return hostIds.filter((_, other) => (set >> other) & 1);
          },
        }),
    );
    for (const host of made) await host.prepare();
    return made;
  }

  async close(): Promise<void> {
    for (const host of this.hosts) await host.close();
    await this.database.close();
  }
}

function statusOf(
  { state, model }: { state(): State; model(): Model },
  index: number,
): Pick<Host, 'passive' | 'readyAt'> {
  return {
    passive: isPassive(model(), index),
    ...(model().decisions.isNotReady(state(), index) ? {} : { readyAt: new Date(2 ** 41) }),
  };
}

export function rowOf(host: TestHost, id: HostId): Host {
  const now = new Date(2 ** 41);
  return {
    id,
    hostname: host.name,
    url: host.hostname,
    sshPort: host.port,
    username: host.username,
    publicKey: host.publicKey,
    hostKeys: host.hostPublicKeys,
    rootPath: host.root,
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
