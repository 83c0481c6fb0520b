import { errorCatalogue } from '../../src/model/error-catalogue.js';
import { SyncMediaError } from '../../src/model/errors.js';
import type {
  AuditEntry,
  CopiesResult,
  DoctorCheck,
  DocumentStatus,
  FilePage,
  InitReport,
  ModelDescription,
  PictureContent,
  Status,
} from '../../src/api/reports.js';
import type { HistoryVersion } from '../../src/api/history.js';
import type { HostOverview, Overview } from '../../src/api/overview.js';
import type { SyncMedia } from '../../src/api/sync-media.js';
import type { Host } from '../../src/model/host.js';
import type { Path } from '../../src/model/path.js';
import type { Run } from '../../src/model/run.js';
import { makePartial } from '../harness/partial.js';

/** An Ed25519 public key made for these tests, and its fingerprint as ssh-keygen prints it. */
export const publicKey =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC5uvAVpC7JW/g9daC2CMKpg+ojVhYpt4ITjgEdd9iZU';
export const fingerprint = 'SHA256:y4OMlamvnZa69g1iACyfqIcSq2dDZjQ7M7MR2+8Oy3k';

export function makeHost(over: Partial<Host> = {}): Host {
  const now = new Date('2026-01-02T03:04:05Z');
  return {
    id: 'h1',
    hostname: 'web1',
    url: 'web1.example',
    sshPort: 22,
    username: 'deploy',
    publicKey: `${publicKey} deploy@web1`,
    hostKeys: [publicKey],
    rootPath: '/srv/site',
    syncDirs: ['uploads' as Path],
    backend: 'rsync',
    passive: false,
    status: 'approved',
    deliveries: {},
    rescans: {},
    received: 0,
    halted: {},
    createdAt: now,
    updatedAt: now,
    ...over,
  };
}

export function makeEntry(): AuditEntry {
  return {
    id: 'a1',
    at: new Date('2026-01-02T03:04:05Z'),
    by: 'ada',
    what: 'push',
    args: '[{}]',
    host: 'h1',
    outcome: 'done',
  };
}

export function makeHostOverview(over: Partial<HostOverview> = {}): HostOverview {
  return {
    id: 'h1',
    hostname: 'web1',
    address: 'deploy@web1.example:22',
    thisHost: true,
    passive: false,
    approval: 'approved',
    state: 'up to date',
    note: '',
    pending: { count: 0, capped: false, bytes: 0 },
    blocked: 0,
    blockedBy: [],
    unsyncable: 0,
    deliveries: Array.from({ length: 20 }, () => 0),
    failures: [],
    ...over,
  };
}

export function makeOverview(over: Partial<Overview> = {}): Overview {
  return {
    at: new Date('2026-01-02T03:04:05Z'),
    id: 'o1',
    headline: 'Everything is everywhere',
    thisHost: { id: 'h1', hostname: 'web1' },
    entries: 3,
    missing: { count: 0, capped: false },
    captures: { count: { count: 0, capped: false } },
    hosts: [makeHostOverview()],
    needs: [],
    runs: [],
    recent: [{ at: new Date('2026-01-02T03:04:00Z'), host: 'web1', text: 'web1 got 2 files' }],
    ...over,
  };
}

export function makeRun(over: Partial<Run> = {}): Run {
  return {
    id: 'r1',
    kind: 'push',
    at: 'h1',
    hosts: [],
    dirs: [],
    dryRun: false,
    repair: false,
    state: 'requested',
    files: 0,
    bytes: 0,
    filesFound: 0,
    bytesFound: 0,
    failures: [],
    requestedAt: new Date('2026-01-02T03:04:05Z'),
    requestedBy: 'admin',
    ...over,
  };
}

export function makeVersion(bytes: readonly Uint8Array[] = []): HistoryVersion {
  return {
    path: 'uploads/a.jpg' as Path,
    version: 'v1',
    host: 'h1',
    hostname: 'web1',
    at: new Date('2026-01-02T03:04:05Z'),
    as: 'stored',
    author: 'Ada',
    savedBy: { model: 'Photo', id: '7' },
    info: {
      size: bytes.reduce((sum, { length }) => sum + length, 0),
      mtime: 1_767_323_045,
      sha256: 'b'.repeat(64),
    },
    revision: 'a1b2c3d4'.repeat(5),
  };
}

/**
 * Stands where an instance stands, so that what the router makes of a request can be seen without a
 * database: it notes each call and answers something fixed, or throws what `fail` says.
 */
export class RecordingInstance implements SyncMedia {
  readonly calls: [method: string, ...args: unknown[]][] = [];
  fail: Error | undefined;
  readonly initialised = true;

  private answer<T>(method: string, args: unknown[], value: T): Promise<T> {
    this.calls.push([method, ...args]);
    return this.fail ? Promise.reject(this.fail) : Promise.resolve(value);
  }

  readonly hosts = {
    list: () => this.answer('hosts.list', [], [makeHost()]),
    show: (name: string) =>
      name === 'nobody'
        ? Promise.reject(new SyncMediaError('UNKNOWN_HOST', 'nobody is no host'))
        : this.answer('hosts.show', [name], makeHost()),
    init: (...args: unknown[]) =>
      this.answer<InitReport>('hosts.init', args, { host: makeHost(), created: true, checks: [] }),
    add: (...args: unknown[]) => this.answer('hosts.add', args, makeHost({ passive: true })),
    edit: (...args: unknown[]) => this.answer('hosts.edit', args, makeHost()),
    approve: (...args: unknown[]) => this.answer('hosts.approve', args, makeHost()),
    seal: () => this.answer('hosts.seal', [], { sealed: [makeHost()], pending: [] }),
    readKeys: (...args: unknown[]) =>
      this.answer('hosts.readKeys', args, { pinned: [fingerprint], shown: [fingerprint] }),
    acceptKeys: (...args: unknown[]) => this.answer('hosts.acceptKeys', args, makeHost()),
    test: (...args: unknown[]) =>
      this.answer('hosts.test', args, [{ name: 'host web1', ok: true, message: 'reached' }]),
    previewChange: (...args: unknown[]) =>
      this.answer('hosts.previewChange', args, {
        digest: 'd'.repeat(64),
        pending: { count: 2, capped: false, bytes: 20 },
        onlyHere: { count: 1, capped: false, paths: ['uploads/a.jpg' as Path] },
        captures: { count: 0, capped: false },
      }),
    unregister: (...args: unknown[]) =>
      this.answer('hosts.unregister', args, makeHost({ status: 'retired' })),
    purge: (...args: unknown[]) =>
      this.answer('hosts.purge', args, {
        hostname: 'web1',
        stateDir: '/state',
        syncDirs: [],
        collections: [],
        done: false,
      }),
  };

  readonly runs = {
    list: (...args: unknown[]) => this.answer('runs.list', args, [makeRun()]),
    show: (...args: unknown[]) => this.answer('runs.show', args, makeRun()),
    cancel: (...args: unknown[]) =>
      this.answer('runs.cancel', args, makeRun({ state: 'cancelled' })),
    follow: (...args: unknown[]) => this.answer('runs.follow', args, makeRun({ state: 'done' })),
  };

  metrics = () =>
    this.answer('metrics', [], {
      contentType: 'text/plain; version=0.0.4; charset=utf-8',
      text: '# HELP syncmedia_x A line.\n',
    });

  found: FilePage = {
    files: [{ path: 'uploads/a.jpg', captured: true, heldBy: [], pending: [] }],
    next: 'uploads/a.jpg' as Path,
  };
  readonly files = {
    find: (...args: unknown[]) => this.answer('files.find', args, this.found),
    retry: (...args: unknown[]) => this.answer('files.retry', args, { retried: 3 }),
  };
  models(): Promise<ModelDescription[]> {
    return this.answer('models', [], [{ name: 'Photo', syncDirs: [], plugged: true }]);
  }

  readonly recoverable = {
    list: (...args: unknown[]) =>
      this.answer('recoverable.list', args, [
        {
          host: 'web1',
          dir: 'uploads' as Path,
          path: 'uploads/a.jpg' as Path,
          keptAs: '.syncmedia/trash/x/a.jpg',
          at: new Date('2026-01-02T03:04:05Z'),
          size: 3,
        },
      ]),
    restore: (...args: unknown[]) =>
      this.answer<Run | undefined>('recoverable.restore', args, this.restoreRun),
  };
  /** What a restore on another host answers, and a picture. */
  restoreRun: Run | undefined;
  picture: PictureContent | undefined;

  /** The bytes of every version; the stream fails at its end if `damaged`. */
  versionBytes: Uint8Array[] = [Buffer.from('abc')];
  damaged: Error | undefined;
  readonly history = makePartial<SyncMedia['history']>({
    list: (...args) => this.answer('history.list', args, [makeVersion()]),
    show: (...args) => this.answer('history.show', args, makeVersion(this.versionBytes)),
    read: (...args) => this.answer('history.read', args, this.readVersion()),
    restore: (...args) =>
      this.answer('history.restore', args, {
        path: 'uploads/a.jpg' as Path,
        version: makeVersion(),
        dryRun: args[2]?.dryRun ?? true,
        from: 'history',
        current: {
          size: 4,
          mtime: new Date('2026-01-02T03:04:05Z'),
          sha256: 'c'.repeat(64),
        },
        isCurrent: false,
        hosts: ['web1', 'web2'],
      }),
    restoreDir: (...args) =>
      this.answer('history.restoreDir', args, makeRun({ kind: 'restore', dryRun: true })),
  });
  private async *readVersion(): AsyncGenerator<Uint8Array> {
    yield* this.versionBytes;
    if (this.damaged) throw this.damaged;
  }
  readonly withAuthor = <T>(_author: string, work: () => T): T => work();

  readonly conflicts = {
    list: (...args: unknown[]) => this.answer('conflicts.list', args, []),
    compare: (...args: unknown[]) =>
      this.answer('conflicts.compare', args, {
        host: 'web1',
        dir: 'uploads' as Path,
        path: 'uploads/a.jpg' as Path,
        keptAs: '.syncmedia/conflicts/x/a.jpg',
        conflict: { size: 3, mtime: new Date('2026-01-02T03:04:05Z'), sha256: 'b'.repeat(64) },
        identical: false,
      }),
    readPicture: (...args: unknown[]) =>
      this.answer<PictureContent | undefined>('conflicts.readPicture', args, this.picture),
    restore: (...args: unknown[]) =>
      this.answer<Run | undefined>('conflicts.restore', args, this.restoreRun),
    discard: (...args: unknown[]) => this.answer('conflicts.discard', args, undefined),
  };

  readonly removals = {
    list: () =>
      this.answer(
        'removals.list',
        [],
        [
          {
            host: makeHost(),
            dir: 'uploads' as Path,
            failure: {
              code: 'REMOVALS_HALTED' as const,
              message: '30 of 40',
              retryable: false,
              scope: 'host' as const,
            },
            count: 30,
            share: 0.75,
            since: new Date('2026-01-02T03:04:05Z'),
            paths: ['uploads/a.jpg' as Path],
          },
        ],
      ),
    decide: (...args: unknown[]) => this.answer('removals.decide', args, undefined),
  };

  push(...args: unknown[]): Promise<Run> {
    return this.answer('push', args, makeRun());
  }
  pull(...args: unknown[]): Promise<Run> {
    return this.answer('pull', args, makeRun({ kind: 'pull' }));
  }
  verify(...args: unknown[]): Promise<Run> {
    return this.answer('verify', args, makeRun({ kind: 'verify' }));
  }
  adopt(...args: unknown[]): Promise<Run> {
    return this.answer('adopt', args, makeRun({ kind: 'adopt', dryRun: true }));
  }
  status(): Promise<Status> {
    return this.answer<Status>('status', [], {
      initialised: true,
      hosts: [],
      syncDirs: [],
      captures: 0,
      entries: 0,
      missing: 0,
      missingPaths: [],
      conflicts: [],
      unreadableRows: { count: 0, newest: [] },
    });
  }

  overviewNow = makeOverview();
  overview(): Promise<Overview> {
    return this.answer('overview', [], this.overviewNow);
  }

  doctor(...args: unknown[]): Promise<DoctorCheck[]> {
    return this.answer('doctor', args, [
      { name: 'node', state: 'ok' as const, message: 'Node 24' },
    ]);
  }
  statusOf(...args: unknown[]): Promise<DocumentStatus> {
    return this.answer('statusOf', args, { files: [] });
  }
  showDocument(model: string, id: string): Promise<DocumentStatus> {
    return this.answer('showDocument', [model, id], {
      model,
      id,
      files: [{ path: 'uploads/a.jpg', captured: false, heldBy: [], pending: [] }],
    });
  }
  waitFor(...args: unknown[]): Promise<CopiesResult> {
    return this.answer('waitFor', args, { files: [] });
  }
  ready = true;
  isReady(): Promise<boolean> {
    return this.answer('isReady', [], this.ready);
  }

  readonly audit = { list: (...args: unknown[]) => this.answer('audit.list', args, [makeEntry()]) };
  /** The names under which changes were asked for. */
  readonly names: string[] = [];
  as(by: string): SyncMedia {
    this.names.push(by);
    return this;
  }

  plugin(): void {
    throw new Error(errorCatalogue.CLOSED.meaning);
  }
  open(): Promise<void> {
    return this.answer('open', [], undefined);
  }
  start(): Promise<void> {
    return this.answer('start', [], undefined);
  }
  close(): Promise<void> {
    return this.answer('close', [], undefined);
  }
  capture(): Promise<void> {
    return this.answer('capture', [], undefined);
  }
  remove(): Promise<void> {
    return this.answer('remove', [], undefined);
  }
  on(): () => void {
    return () => undefined;
  }
}
