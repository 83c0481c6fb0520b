import { markRemoteDirs, tryHost } from '../../transport/try-host.js';
import { getNativeCollection } from '../../util/collections.js';
import { acceptHostKeys, readHostKeys } from '../../hosts/accept-host-keys.js';
import { approveHost, sealHosts } from '../../hosts/approve.js';
import { addPassiveHost } from '../../hosts/passive.js';
import type { HostsDeps } from '../../hosts/deps.js';
import { editHost } from '../../hosts/edit.js';
import { getHostCollection } from '../../hosts/host-model.js';
import { initHost } from '../../hosts/init.js';
import { purgeThisHost } from '../../hosts/purge.js';
import { Registry } from '../../hosts/registry.js';
import { Seals } from '../../hosts/seal.js';
import { SyncMediaError } from '../../model/errors.js';
import { readState, type HostState } from '../../state-dir/state.js';
import { SyncDirsStore, type SyncDirRow } from '../../hosts/sync-dirs-store.js';
import type { SyncMedia } from '../../api/sync-media.js';
import type { ThisHost } from '../../context/this-host.js';
import { Outbox } from '../../capture/outbox.js';
import { Ledger } from '../../ledger/ledger.js';
import type { LedgerRow } from '../../ledger/filters.js';
import { nodeDisk } from '../../replica/node-disk.js';
import { UnreadableRows } from '../../database/unreadable-rows.js';
import type { Host } from '../../model/host.js';
import { readDatabaseClock } from '../../database/database-clock.js';
import type { LossSources } from './find-losses.js';
import { previewHostChange } from './preview-change.js';
import { retireAsShown } from './retire-as-shown.js';
import { testHost } from './test-host.js';
import { useSsh } from './use-ssh.js';

/** Registers, changes and retires hosts. Also works on a machine that was never initialised. */
export function createHostActions(thisHost: ThisHost): SyncMedia['hosts'] {
  const { config, dirs } = thisHost;
  const seals = new Seals(config.secret, config.previousSecret);
  // Read afresh: another process may have registered this machine.
  const readNow = (): HostState | undefined => readState(config.stateDir);
  const openRegistry = async (): Promise<Registry> => {
    const connection = await thisHost.openConnection();
    const registry = new Registry(
      () => getHostCollection(connection, config.collectionPrefix),
      readNow()?.id,
      seals,
    );
    await registry.refresh();
    return registry;
  };
  const show = async (nameOrId: string): Promise<Host> => (await openRegistry()).get(nameOrId);

  const openSite = async (): Promise<LossSources> => {
    const connection = await thisHost.openConnection();
    const collection = <T extends object>(name: string) =>
      getNativeCollection<T>(connection, `${config.collectionPrefix}${name}`);
    const syncDirs = new SyncDirsStore(() => collection<SyncDirRow>('syncdirs'), config.log, seals);
    await syncDirs.declare(dirs.listDeclared());
    const reader = UnreadableRows.forConnection(connection, config);
    const outbox = new Outbox(connection, config.collectionPrefix, reader);
    const ledger = new Ledger(() => collection<LedgerRow>('ledger'), reader);
    const deps: HostsDeps = {
      connection,
      config,
      syncDirs,
      seals,
      disk: nodeDisk,
      tryHost: (host, state, paths) =>
        useSsh(config, state, (ssh) =>
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
        useSsh(config, readNow(), (ssh) =>
          markRemoteDirs({ ssh, host, timeoutMs: config.timeoutMs }, paths),
        ),
      forgetHost: (id) => ledger.forgetHosts([id]),
      countCaptures: (id) => outbox.count(id),
      dropCaptures: (id) => outbox.dropOf(id),
      takeOverCaptures: (from, to) => outbox.takeOver(from, to),
    };
    return { deps, ledger, outbox };
  };
  const openDeps = async (): Promise<HostsDeps> => (await openSite()).deps;

  return {
    list: async () => (await openRegistry()).all().filter(({ status }) => status !== 'retired'),
    show,
    init: async (registration = {}, change = {}) => {
      const report = await initHost(await openDeps(), registration, {}, change);
      thisHost.forgetState();
      return report;
    },
    add: async (registration, change) => addPassiveHost(await openDeps(), registration, change),
    edit: async (nameOrId, edit, change = {}) => {
      const host = await editHost(await openDeps(), await show(nameOrId), edit, {}, change);
      // To pause or resume this host changes nothing in its state folder.
      const { status: _, reason: __, ...registration } = edit;
      const isChanged = Object.keys(registration).length > 0;
      if (isChanged && host.id === readNow()?.id) thisHost.forgetState();
      return host;
    },
    approve: async (nameOrId, digest) =>
      approveHost(await openDeps(), await show(nameOrId), digest),
    seal: async () => sealHosts(await openDeps()),
    readKeys: async (host) =>
      readHostKeys(
        typeof host === 'string'
          ? await show(host)
          : { username: 'unknown', hostKeys: [], ...host },
      ),
    acceptKeys: async (nameOrId, fingerprints) =>
      acceptHostKeys(await openDeps(), await show(nameOrId), fingerprints),
    test: async (nameOrId) => {
      const hostContext = await thisHost.openContext();
      await hostContext.refresh();
      return testHost(hostContext, requireActual(hostContext.registry.get(nameOrId)));
    },
    previewChange: async (nameOrId) => {
      const site = await openSite();
      const registry = await openRegistry();
      return previewHostChange(site, requireActual(registry.get(nameOrId)), {
        hosts: registry.all(),
        now: await readDatabaseClock(site.deps.connection),
      });
    },
    unregister: async (nameOrId, shown = {}) => {
      const registry = await openRegistry();
      const host = nameOrId === undefined ? registry.me() : registry.get(nameOrId);
      const isMe = host.id === readNow()?.id;
      try {
        return await retireAsShown(await openSite(), host, shown);
      } finally {
        // A refusal leaves the host as it was; a failure may have come after it was retired.
        if (isMe && readNow()?.id !== host.id) thisHost.forgetState();
      }
    },
    purge: async ({ dryRun = true } = {}) => {
      const report = await purgeThisHost(await openDeps(), dryRun);
      if (report.done) thisHost.forgetState();
      return report;
    },
  };
}

/** @throws HOST_RETIRED */
function requireActual(host: Host): Host {
  if (host.status !== 'retired') return host;
  throw new SyncMediaError(
    'HOST_RETIRED',
    `the host ${host.hostname.replace(`#${host.id}`, '')} was unregistered`,
  );
}
