import type { Connection } from 'mongoose';
import { markRemoteDirs, tryHost } from '../../transport/try-host.js';
import { getNativeCollection } from '../../util/collections.js';
import { acceptHostKeys, readHostKeys } from '../../hosts/accept-host-keys.js';
import { approveHost, sealHosts } from '../../hosts/approve.js';
import { addPassiveHost } from '../../hosts/passive.js';
import type { HostsDeps } from '../../hosts/deps.js';
import { editHost } from '../../hosts/edit.js';
import { getHostCollection } from '../../hosts/host-model.js';
import { initHost } from '../../hosts/init.js';
import { Registry } from '../../hosts/registry.js';
import { Seals } from '../../hosts/seal.js';
import { readState, type HostState } from '../../state-dir/state.js';
import { SyncDirsStore, type SyncDirRow } from '../../hosts/sync-dirs-store.js';
import { unregisterHost } from '../../hosts/unregister.js';
import type {
  HostChange,
  HostEdit,
  HostRegistration,
  InitReport,
  SyncMedia,
} from '../../api/sync-media.js';
import type { KnownDirs } from '../../context/known-dirs.js';
import { Ledger } from '../../ledger/ledger.js';
import type { LedgerRow } from '../../ledger/filters.js';
import type { Config } from '../../config/config.js';
import { nodeDisk } from '../../replica/node-disk.js';
import { Ssh } from '../../transport/ssh/ssh.js';
import { UnreadableRows } from '../../database/unreadable-rows.js';
import type { Host } from '../../model/host.js';

export interface HostActionsContext {
  readonly config: Config;
  readonly dirs: KnownDirs;
  connection(): Promise<Connection>;
  /**
   * Called after this machine's state folder was written or removed, because cached state is
   * stale then.
   */
  onStateChange(): void;
}

const idleMs = 10_000;

/** Registers, changes and retires hosts. Also works on a machine that was never initialised. */
export class HostActions {
  constructor(private readonly context: HostActionsContext) {}

  actions(): SyncMedia['hosts'] {
    return {
      list: () => this.list(),
      show: (nameOrId) => this.show(nameOrId),
      init: (registration, change) => this.init(registration, change),
      add: async (registration, change) =>
        addPassiveHost(await this.openDeps(), registration, change),
      edit: (nameOrId, edit, change) => this.edit(nameOrId, edit, change),
      approve: async (nameOrId, digest) =>
        approveHost(await this.openDeps(), await this.show(nameOrId), digest),
      seal: async () => sealHosts(await this.openDeps()),
      readKeys: async (host) =>
        readHostKeys(
          typeof host === 'string'
            ? await this.show(host)
            : { username: 'unknown', hostKeys: [], ...host },
        ),
      acceptKeys: async (nameOrId, fingerprints) =>
        acceptHostKeys(await this.openDeps(), await this.show(nameOrId), fingerprints),
      unregister: (nameOrId) => this.unregister(nameOrId),
    };
  }

  private async list(): Promise<Host[]> {
    return (await this.registry()).all().filter(({ status }) => status !== 'retired');
  }

  private async show(nameOrId: string): Promise<Host> {
    return (await this.registry()).get(nameOrId);
  }

  private async init(
    registration: HostRegistration = {},
    change: HostChange = {},
  ): Promise<InitReport> {
    const report = await initHost(await this.openDeps(), registration, {}, change);
    this.context.onStateChange();
    return report;
  }

  private async edit(nameOrId: string, edit: HostEdit, change: HostChange = {}): Promise<Host> {
    const host = await editHost(await this.openDeps(), await this.show(nameOrId), edit, {}, change);
    if (host.id === this.readOwnId()) this.context.onStateChange();
    return host;
  }

  private async unregister(nameOrId?: string): Promise<Host> {
    const registry = await this.registry();
    const host = nameOrId === undefined ? registry.me() : registry.get(nameOrId);
    const isMe = host.id === this.readOwnId();
    const retired = await unregisterHost(await this.openDeps(), host);
    if (isMe) this.context.onStateChange();
    return retired;
  }

  private seals(): Seals {
    return new Seals(this.context.config.secret, this.context.config.previousSecret);
  }

  private readOwnId(): string | undefined {
    return readState(this.context.config.stateDir)?.id;
  }

  private async registry(): Promise<Registry> {
    const connection = await this.context.connection();
    const registry = new Registry(
      () => getHostCollection(connection, this.context.config.collectionPrefix),
      this.readOwnId(),
      this.seals(),
    );
    await registry.refresh();
    return registry;
  }

  private async openDeps(): Promise<HostsDeps> {
    const { config, dirs } = this.context;
    const connection = await this.context.connection();
    const collection = <T extends object>(name: string) =>
      getNativeCollection<T>(connection, `${config.collectionPrefix}${name}`);
    const syncDirs = new SyncDirsStore(
      () => collection<SyncDirRow>('syncdirs'),
      config.log,
      this.seals(),
    );
    await syncDirs.declare(dirs.listDeclared());
    return {
      connection,
      config,
      syncDirs,
      seals: this.seals(),
      disk: nodeDisk,
      tryHost: (host, state, paths) =>
        this.withSsh(state, (ssh) =>
          tryHost({
            ssh,
            host,
            timeoutMs: config.timeoutMs,
            authorizedKeysFile: state.authorizedKeysFile,
            dirs: paths,
          }),
        ),
      listDeclaredDirs: () => dirs.listDeclared().map(({ path }) => path),
      markRemoteDirs: (host, paths) =>
        this.withSsh(readState(config.stateDir), (ssh) =>
          markRemoteDirs({ ssh, host, timeoutMs: config.timeoutMs }, paths),
        ),
      forgetHost: (id) =>
        new Ledger(
          () => collection<LedgerRow>('ledger'),
          UnreadableRows.forConnection(connection, config),
        ).forgetHost(id),
    };
  }

  /**
   * Opens separate connections for one action, because this process may have no delivery queues.
   */
  private async withSsh<T>(
    state: HostState | undefined,
    work: (ssh: Ssh) => Promise<T>,
  ): Promise<T> {
    const { config } = this.context;
    const ssh = new Ssh({
      stateDir: config.stateDir,
      identityFile: state?.identityFile ?? '',
      timeoutMs: config.timeoutMs,
      idleMs,
    });
    try {
      return await work(ssh);
    } finally {
      await ssh.close();
    }
  }
}
