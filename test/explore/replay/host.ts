import { lstat, mkdir, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Backend } from '../../../src/transport/backend.js';
import { createRsyncBackend } from '../../../src/transport/rsync/rsync-backend.js';
import { Deletes } from '../../../src/leader/deletes.js';
import { DeliveryQueue } from '../../../src/replication/delivery-queue.js';
import { EventBus } from '../../../src/model/events.js';
import { PathReconciler } from '../../../src/ledger/reconcile-path.js';
import type { Ledger } from '../../../src/ledger/ledger.js';
import { Acknowledger } from '../../../src/ledger/acknowledge.js';
import { defaultTuning } from '../../../src/config/config.js';
import { areas, prepareAreas } from '../../../src/replica/areas.js';
import { nodeDisk } from '../../../src/replica/node-disk.js';
import { writeMarker } from '../../../src/replica/marker.js';
import { TmpFolders } from '../../../src/replica/tmp-folders.js';
import { Replica } from '../../../src/replica/replica.js';
import { SyncDirs } from '../../../src/replica/sync-dirs.js';
import { openReplicaDir, openHeldFile, receiveFile } from '../../../src/serving/receive-file.js';
import { Ssh } from '../../../src/transport/ssh/ssh.js';
import type { Entry } from '../../../src/model/entry.js';
import type { FileInfo } from '../../../src/model/file.js';
import type { Host, HostId } from '../../../src/model/host.js';
import type { Path } from '../../../src/model/path.js';
import type { SyncDir } from '../../../src/model/sync-dir.js';
import type { KnownDirs } from '../../../src/context/known-dirs.js';
import type { Registry } from '../../../src/hosts/registry.js';
import { makePartial } from '../../harness/partial.js';
import type { TestHost } from '../../harness/sshd.js';
import { photos } from '../../ledger/site.js';
import { gateDisk, gateResolver, gateLedger, gateSsh, GatedOwnDisk } from './gates.js';
import { findTask, noteReplacedFolder, pass } from './task.js';

export const uploads: SyncDir = { ...photos, onDelete: 'propagate' };
const dirs = new SyncDirs([uploads]);

/** The state of the site at that moment, for a host. */
export interface Surroundings {
  wantedBy(me: HostId): HostId[];
  isReady(me: HostId): boolean;
  isNamed(): boolean;
  /** Whether a save of this host names the path, or is about to. */
  isAwaited(me: HostId): boolean;
  hosts(): readonly Host[];
}

/**
 * One host, of the product's own parts; every port that is handed in waits where the replay says
 * so.
 */
export class ReplayHost {
  readonly disk: GatedOwnDisk;
  readonly reconciler: PathReconciler;
  readonly deleting: Deletes;
  private readonly ledger: Ledger;
  private readonly createResolver: ReturnType<typeof gateResolver>;
  private readonly root: Replica;
  private readonly backends: Record<'sftp' | 'rsync', Backend>;
  private readonly never = new AbortController();

  constructor(
    readonly id: HostId,
    readonly ssh: TestHost,
    plainLedger: Ledger,
    private readonly around: Surroundings,
  ) {
    const ledger = (this.ledger = gateLedger(plainLedger));
    const events = new EventBus();
    this.createResolver = gateResolver(plainLedger, () => around.hosts());
    this.root = new Replica(ssh.root, () => dirs, { me: () => id });
    this.disk = new GatedOwnDisk(
      this.root,
      ssh.root,
      () => dirs,
      id,
      this.createResolver,
      defaultTuning.leftoverMs,
    );
    const wantedBy = (): HostId[] => around.wantedBy(id);
    this.reconciler = new PathReconciler({
      ledger,
      disk: this.disk,
      me: id,
      events,
      listReceivers: wantedBy,
      isReady: () => around.isReady(id),
      areRemovalsHalted: () => false,
      awaitSaveMs: 0,
      downtime: { since: new Date(), until: new Date() },
      isCaptured: () => Promise.resolve(around.isAwaited(id)),
      isReferenced: () => Promise.resolve(around.isNamed()),
    });
    this.deleting = new Deletes({
      ledger,
      disk: this.disk,
      me: id,
      events,
      tuning: defaultTuning,
      findSyncDir: () => uploads,
      listReceivers: wantedBy,
      reconciler: this.reconciler,
      searchNamedPaths: (paths) =>
        Promise.resolve({ named: new Set(around.isNamed() ? paths : []), undetermined: new Map() }),
      registry: makePartial<Registry>({
        me: () => makePartial<Host>({ halted: {}, removals: {} }),
        recordHalt: () => Promise.resolve(),
      }),
    });
    const backend = (smallFileLimit: number): Backend =>
      createRsyncBackend({
        replica: this.root,
        dirs: () => dirs,
        self: id,
        createResolver: this.createResolver,
        timeoutMs: 20_000,
        bandwidthLimit: undefined,
        chmod: 'F644',
        smallFileLimit,
        onCall: ({ args }) => {
          noteReplacedFolder(args.join(' '));
        },
        ssh: gateSsh(
          new Ssh({
            stateDir: join(ssh.stateDir, smallFileLimit > 0 ? 'sftp' : 'rsync'),
            identityFile: ssh.privateKeyFile,
            timeoutMs: 20_000,
            idleMs: 600_000,
          }),
        ),
        log: { info: () => undefined, warn: () => undefined, error: () => undefined },
      });
    this.backends = { sftp: backend(1024), rsync: backend(0) };
  }

  async prepare(): Promise<void> {
    const dirPath = join(this.ssh.root, uploads.path);
    await mkdir(dirPath, { recursive: true });
    await writeMarker(nodeDisk, dirPath, this.id, uploads.path);
    await prepareAreas({ disk: nodeDisk, dirPath, dir: uploads.path });
  }

  async close(): Promise<void> {
    this.never.abort();
    await Promise.all(Object.values(this.backends).map((backend) => backend.close()));
  }

  /** The app puts a file there: complete at once, as those that upload do. */
  async write(
    path: Path,
    content: string,
    facts: FileInfo & { readonly nanos: number },
  ): Promise<void> {
    const unfinished = join(this.ssh.root, 'upload'),
      time = facts.mtime + facts.nanos / 1e9;
    await writeFile(unfinished, content);
    await utimes(unfinished, time, time);
    await mkdir(dirname(join(this.ssh.root, path)), { recursive: true });
    await rename(unfinished, join(this.ssh.root, path));
  }

  async unlink(path: Path): Promise<void> {
    await rm(join(this.ssh.root, path));
  }

  async removeFromTrash(path: Path, name: string): Promise<void> {
    await rm(
      join(this.ssh.root, uploads.path, areas.trash, name, path.slice(uploads.path.length + 1)),
    );
  }

  async moveToTrash(path: Path, folder: string): Promise<void> {
    const dir = join(this.ssh.root, uploads.path),
      rest = path.slice(uploads.path.length + 1);
    await mkdir(dirname(join(dir, areas.trash, folder, rest)), { recursive: true });
    await rename(join(dir, areas.replaced, folder, rest), join(dir, areas.trash, folder, rest));
  }

  /** The contents at the path, or below an area of `.syncmedia` for that path. */
  async contents(
    path: Path,
    area?: 'replaced' | 'trash' | 'conflicts',
  ): Promise<{ content: string; name: string }[]> {
    const dir = join(this.ssh.root, uploads.path),
      rest = path.slice(uploads.path.length + 1);
    const names = area ? (await readdir(join(dir, areas[area]))).sort() : [''];
    const found: { content: string; name: string }[] = [];
    for (const name of names) {
      const at = area ? join(dir, areas[area], name, rest) : join(this.ssh.root, path);
      if ((await lstat(at).catch(() => undefined))?.isFile())
        found.push({ content: await readFile(at, 'utf8'), name });
    }
    return found;
  }

  /**
   * One delivery from this host, as origin, to another one: a queue of its own, which begins
   * anew as after a change of the lease.
   */
  async deliver(to: HostId): Promise<void> {
    const task = findTask(),
      { id: me, ledger } = this,
      events = new EventBus();
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const backend = this.backends[task?.about.via ?? 'sftp'];
    const queue = new DeliveryQueue(to, {
      ledger,
      events,
      me,
      acknowledger: new Acknowledger(ledger, events),
      tuning: { ...defaultTuning, captureDueMs: 0 },
      backend: Object.assign(Object.create(backend) as Backend, {
        send: (...args: Parameters<Backend['send']>) => {
          if (task) task.isSending = true;
          return backend.send(...args);
        },
      }),
      findSyncDir: () => uploads,
      dirs: makePartial<KnownDirs>({ current: () => dirs }),
      recheckPaths: () => Promise.reject(new Error('the source is not the version')),
      requestCheck: () => Promise.resolve(),
      registry: makePartial<Registry>({
        find: (id) => this.around.hosts().find((host) => host.id === id),
        recordDeliveryState: () => {
          end();
          return Promise.resolve();
        },
      }),
      notifyReceiver: () => undefined,
    });
    const stops = [
      events.on('failed', ({ error }) => {
        task?.notes.push(String(error));
        end();
      }),
      events.on('outcome', ({ outcome }) => {
        task?.notes.push(
          `${outcome.result} ${'failure' in outcome ? outcome.failure.message : ''}`,
        );
      }),
    ];
    try {
      queue.wake();
      await ended;
    } finally {
      for (const stop of stops) stop();
      await queue.close();
    }
  }

  /**
   * A file that this host lacks, from one that holds it: as for a visitor, or as a pull does it.
   */
  async fetch(path: Path, from: Host): Promise<void> {
    const entry = await this.ledger.readMany([path]).then((read) => read.get(path)),
      task = findTask();
    if (entry?.info === undefined) throw new Error('there is nothing to fetch');
    const { version, info: facts } = entry,
      acknowledger = new Acknowledger(this.ledger, new EventBus());
    if (task?.about.via === 'rsync') {
      task.isSending = true;
      for await (const outcome of this.backends.rsync.fetch(
        from,
        [{ do: 'put', path, dir: uploads, version, info: facts }],
        this.never.signal,
      )) {
        if (outcome.result === 'kept') return pass('acknowledge');
        if (outcome.result !== 'delivered') throw new Error(`fetching: ${JSON.stringify(outcome)}`);
        await acknowledger.acknowledge(path, version, this.id, outcome.sha256);
      }
      return;
    }
    const options = { fileMode: 0o644, tmpFolders: new TmpFolders() };
    const place = await openReplicaDir(this.root, uploads),
      known = entry as Entry & { info: FileInfo };
    const body = await openHeldFile(
      { backend: this.backends.sftp },
      from,
      known,
      this.never.signal,
    );
    const received = await (
      await receiveFile(options, { ...place, disk: gateDisk(place.disk) }, known, body)
    ).finish(this.createResolver(this.id, () => ({ version, ruled: false })));
    if ('error' in received) throw received.error;
    if (received.isOwnFileBack) return pass('acknowledge');
    await acknowledger.acknowledge(path, version, this.id, received.sha256);
  }
}
