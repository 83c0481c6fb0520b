import type { Connection } from 'mongoose';
import { markDirs, tryHost } from '../../transport/try-host.js';
import { nativeCollection } from '../../util/collections.js';
import { acceptHostKeys, readHostKeys } from '../../hosts/accept-host-keys.js';
import { approveHost, sealHosts } from '../../hosts/approve.js';
import { addPassiveHost } from '../../hosts/passive.js';
import type { HostsDeps } from '../../hosts/deps.js';
import { editHost } from '../../hosts/edit.js';
import { hostRows } from '../../hosts/host-model.js';
import { initHost } from '../../hosts/init.js';
import { Registry } from '../../hosts/registry.js';
import { Seals } from '../../hosts/seal.js';
import { readState, type State } from '../../state-dir/state.js';
import { SyncDirsStore, type SyncDirRow } from '../../hosts/sync-dirs-store.js';
import { unregisterHost } from '../../hosts/unregister.js';
import type {
  Change,
  HostEdit,
  HostRegistration,
  InitReport,
  SyncMedia,
} from '../../api/sync-media.js';
import type { KnownDirs } from '../../context/known-dirs.js';
import { Ledger } from '../../ledger/ledger.js';
import type { Row } from '../../ledger/filters.js';
import type { Config } from '../../config/config.js';
import { localDisk } from '../../replica/node-disk.js';
import { Ssh } from '../../transport/ssh/ssh.js';
import { UnreadableRows } from '../../database/unreadable-rows.js';
import type { Host } from '../../model/words.js';

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
      add: async (registration, change) => addPassiveHost(await this.deps(), registration, change),
      edit: (nameOrId, edit, change) => this.edit(nameOrId, edit, change),
      approve: async (nameOrId, digest) =>
        approveHost(await this.deps(), await this.show(nameOrId), digest),
      seal: async () => sealHosts(await this.deps()),
      readKeys: async (host) =>
        readHostKeys(
          typeof host === 'string'
            ? await this.show(host)
            : { username: 'unknown', hostKeys: [], ...host },
        ),
      acceptKeys: async (nameOrId, fingerprints) =>
        acceptHostKeys(await this.deps(), await this.show(nameOrId), fingerprints),
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
    change: Change = {},
  ): Promise<InitReport> {
    const report = await initHost(await this.deps(), registration, {}, change);
    this.context.onStateChange();
    return report;
  }

  private async edit(nameOrId: string, edit: HostEdit, change: Change = {}): Promise<Host> {
    const host = await editHost(await this.deps(), await this.show(nameOrId), edit, {}, change);
    if (host.id === this.myId()) this.context.onStateChange();
    return host;
  }

  private async unregister(nameOrId?: string): Promise<Host> {
    const registry = await this.registry();
    const host = nameOrId === undefined ? registry.me() : registry.get(nameOrId);
    const isMe = host.id === this.myId();
    const retired = await unregisterHost(await this.deps(), host);
    if (isMe) this.context.onStateChange();
    return retired;
  }

  private seals(): Seals {
    return new Seals(this.context.config.secret, this.context.config.previousSecret);
  }

  private myId(): string | undefined {
    return readState(this.context.config.stateDir)?.id;
  }

  private async registry(): Promise<Registry> {
    const connection = await this.context.connection();
    const registry = new Registry(
      () => hostRows(connection, this.context.config.collectionPrefix),
      this.myId(),
      this.seals(),
    );
    await registry.refresh();
    return registry;
  }

  private async deps(): Promise<HostsDeps> {
    const { config, dirs } = this.context;
    const connection = await this.context.connection();
    const collection = <T extends object>(name: string) =>
      nativeCollection<T>(connection, `${config.collectionPrefix}${name}`);
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
      disk: localDisk,
      tryHost: (host, state, paths) =>
        this.overSsh(state, (ssh) =>
          tryHost({
            ssh,
            host,
            timeoutMs: config.timeoutMs,
            authorizedKeysFile: state.authorizedKeysFile,
            dirs: paths,
          }),
        ),
      declared: () => dirs.listDeclared().map(({ path }) => path),
      markDirs: (host, paths) =>
        this.overSsh(readState(config.stateDir), (ssh) =>
          markDirs({ ssh, host, timeoutMs: config.timeoutMs }, paths),
        ),
      forget: (id) =>
        new Ledger(() => collection<Row>('ledger'), UnreadableRows.of(connection, config)).forget(
          id,
        ),
    };
  }

  /**
   * Opens separate connections for one action, because this process may have no delivery queues.
   */
  private async overSsh<T>(state: State | undefined, work: (ssh: Ssh) => Promise<T>): Promise<T> {
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
