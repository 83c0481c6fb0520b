import { lstat, mkdir, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Backend } from '../../../src/transport/backend.js';
import { createRsyncBackend } from '../../../src/transport/rsync/rsync-backend.js';
import { Deleting } from '../../../src/leader/jobs/deletes.js';
import { Lane } from '../../../src/replication/delivery-queue.js';
import { EventBus } from '../../../src/model/events.js';
import { Fold } from '../../../src/ledger/reconcile-path.js';
import type { Ledger } from '../../../src/ledger/ledger.js';
import { Settler } from '../../../src/ledger/acknowledge.js';
import { defaultTuning } from '../../../src/config/config.js';
import { areas, prepareAreas } from '../../../src/replica/areas.js';
import { localDisk } from '../../../src/replica/node-disk.js';
import { writeMarker } from '../../../src/replica/marker.js';
import { TmpFolders } from '../../../src/replica/tmp-folders.js';
import { Root } from '../../../src/replica/replica.js';
import { SyncDirs } from '../../../src/replica/sync-dirs.js';
import {
  openPlace,
  openSource,
  receive,
  type Receiver,
} from '../../../src/serving/receive-file.js';
import { Ssh } from '../../../src/transport/ssh/ssh.js';
import type { Entry, Facts, Host, HostId, Path, SyncDir } from '../../../src/model/words.js';
import type { TestHost } from '../../harness/sshd.js';
import { photos } from '../../ledger/site.js';
import { gateDisk, gateJudging, gateLedger, gateSsh, GatedOwnDisk } from './gates.js';
import { findTask, noteAside, pass } from './task.js';

export const uploads: SyncDir = { ...photos, onDelete: 'propagate' };
const dirs = new SyncDirs([uploads]);

/** What a host asks of the site as it is at that moment. */
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
  readonly fold: Fold;
  readonly deleting: Deleting;
  private readonly ledger: Ledger;
  private readonly judgeAt: ReturnType<typeof gateJudging>;
  private readonly root: Root;
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
    this.judgeAt = gateJudging(plainLedger, () => around.hosts());
    this.root = new Root(ssh.root, () => dirs, { me: () => id });
    this.disk = new GatedOwnDisk(
      this.root,
      ssh.root,
      () => dirs,
      id,
      this.judgeAt,
      defaultTuning.leftoverMs,
    );
    const wantedBy = (): HostId[] => around.wantedBy(id);
    this.fold = new Fold({
      ledger,
      disk: this.disk,
      me: id,
      events,
      wantedBy,
      isReady: () => around.isReady(id),
      areRemovalsHalted: () => false,
      awaitedMs: 0,
      isCaptured: () => Promise.resolve(around.isAwaited(id)),
      isReferenced: () => Promise.resolve(around.isNamed()),
    });
    this.deleting = new Deleting({
      ledger,
      disk: this.disk,
      me: id,
      events,
      candidateMs: defaultTuning.candidateMs,
      dirOf: () => uploads,
      wantedBy,
      fold: (paths) => this.fold.paths(paths, { why: 'named' }),
      findNamed: (paths) =>
        Promise.resolve({ named: new Set(around.isNamed() ? paths : []), unjudged: new Map() }),
      isHalted: () => false,
      decided: () => undefined,
      halt: () => Promise.resolve(),
    });
    const backend = (smallFileLimit: number): Backend =>
      createRsyncBackend({
        root: this.root,
        dirs: () => dirs,
        self: id,
        judgeAt: this.judgeAt,
        timeoutMs: 20_000,
        bandwidthLimit: undefined,
        chmod: 'F644',
        smallFileLimit,
        onCall: ({ args }) => {
          noteAside(args.join(' '));
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
    await writeMarker(localDisk, dirPath, this.id, uploads.path);
    await prepareAreas({ disk: localDisk, dirPath, dir: uploads.path });
  }

  async close(): Promise<void> {
    this.never.abort();
    await Promise.all(Object.values(this.backends).map((backend) => backend.close()));
  }

  /** The app puts a file there: complete at once, as those that upload do. */
  async write(
    path: Path,
    content: string,
    facts: Facts & { readonly nanos: number },
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

  async moveToTrash(path: Path, aside: string): Promise<void> {
    const dir = join(this.ssh.root, uploads.path),
      rest = path.slice(uploads.path.length + 1);
    await mkdir(dirname(join(dir, areas.trash, aside, rest)), { recursive: true });
    await rename(join(dir, areas.aside, aside, rest), join(dir, areas.trash, aside, rest));
  }

  /** The contents at the path, or below an area of `.syncmedia` for that path. */
  async contents(
    path: Path,
    area?: 'aside' | 'trash' | 'conflicts',
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
   * One delivery of what this host, as sender, owes another one: a lane of its own, which begins
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
    const lane = new Lane(to, {
      ledger,
      events,
      me,
      settler: new Settler(ledger, events),
      tuning: { ...defaultTuning, captureDueMs: 0 },
      backend: Object.assign(Object.create(backend) as Backend, {
        send: (...args: Parameters<Backend['send']>) => {
          if (task) task.isSending = true;
          return backend.send(...args);
        },
      }),
      host: (id) => this.around.hosts().find((host) => host.id === id),
      dirOf: () => uploads,
      isOfOurDirs: () => true,
      reconcile: () => Promise.reject(new Error('the source is not the version')),
      askToLook: () => Promise.resolve(),
      record: () => {
        end();
        return Promise.resolve();
      },
      landed: () => undefined,
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
      lane.wake();
      await ended;
    } finally {
      for (const stop of stops) stop();
      await lane.close();
    }
  }

  /**
   * A file that this host lacks, from one that holds it: as for a visitor, or as a pull does it.
   */
  async fetch(path: Path, from: Host): Promise<void> {
    const entry = await this.ledger.readMany([path]).then((read) => read.get(path)),
      task = findTask();
    if (entry?.facts === undefined) throw new Error('there is nothing to fetch');
    const { version, facts } = entry,
      settler = new Settler(this.ledger, new EventBus());
    if (task?.about.via === 'rsync') {
      task.isSending = true;
      for await (const outcome of this.backends.rsync.fetch(
        from,
        [{ do: 'put', path, dir: uploads, version, facts }],
        this.never.signal,
      )) {
        if (outcome.result === 'kept') return pass('settle');
        if (outcome.result !== 'delivered') throw new Error(`fetching: ${JSON.stringify(outcome)}`);
        await settler.settle(path, version, this.id, outcome.sha256);
      }
      return;
    }
    const receiver: Receiver = {
      backend: this.backends.sftp,
      root: this.root,
      me: this.id,
      fileMode: 0o644,
      tmpFolders: new TmpFolders(),
    };
    const place = await openPlace(this.root, uploads),
      known = entry as Entry & { facts: Facts };
    const body = await openSource(receiver, from, known, this.never.signal);
    const received = await (
      await receive(receiver, { ...place, disk: gateDisk(place.disk) }, known, body)
    ).finish(this.judgeAt(this.id, () => ({ version, ruled: false })));
    if ('error' in received) throw received.error;
    if (received.kept) return pass('settle');
    await settler.settle(path, version, this.id, received.sha256);
  }
}
