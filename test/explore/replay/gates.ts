import { createReplacedFileResolver } from '../../../src/replication/resolve-replaced.js';
import type { CreateResolver } from '../../../src/transport/options.js';
import { OwnDisk } from '../../../src/replication/own-disk.js';
import type { Ledger } from '../../../src/ledger/ledger.js';
import type { Transition } from '../../../src/decisions/transitions.js';
import type { Disk } from '../../../src/replica/disk.js';
import type { SyncDirLocation } from '../../../src/replica/areas.js';
import type { Channels } from '../../../src/transport/ssh/channels.js';
import type { SshConnection } from '../../../src/transport/ssh/connection.js';
import type { Ssh } from '../../../src/transport/ssh/ssh.js';
import type { Entry } from '../../../src/model/entry.js';
import type { Host } from '../../../src/model/host.js';
import type { Path } from '../../../src/model/path.js';
import type { LocalFileInfo } from '../../../src/model/file.js';
import type { SyncDir } from '../../../src/model/sync-dir.js';
import { findTask, noteReplacedFolder, pass, type Point, type Task } from './task.js';

type Method = (...args: unknown[]) => unknown;

/**
 * The same object, whose methods wait first where `pointOf` says so; on behalf of a killed task
 * they fail.
 */
function gate<T extends object>(
  object: T,
  pointOf: (name: string, args: readonly unknown[], task: Task) => Point | undefined,
  after?: (name: string, answer: unknown, task: Task) => void,
): T {
  return new Proxy(object, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        const task = findTask(),
          call = (): unknown => (value as Method).apply(target, args);
        if (!task) return call();
        const point = pointOf(String(name), args, task);
        return (async () => {
          task.check();
          if (point) await pass(point);
          const answer = await call();
          after?.(String(name), answer, task);
          return answer;
        })();
      };
    },
  });
}

/** Reading an entry again that has moved, and writing, waits. */
export function gateLedger(ledger: Ledger): Ledger {
  return gate(
    ledger,
    (name, args, task) => {
      switch (name) {
        case 'read':
          return task.hasWritten ? undefined : 'again';
        case 'insert':
        case 'replace':
          return 'write';
        // That the content was compared is no step of its own.
        case 'writeTransition':
          return isOnlyStamp(args[1] as Transition)
            ? undefined
            : task.isPlacing
              ? 'acknowledge'
              : 'write';
        case 'markManyHeld':
        case 'transitionLatest':
          return 'acknowledge';
        default:
          return undefined;
      }
    },
    (name, answer, task) => {
      if (['read', 'readMany'].includes(name)) task.hasRead = true;
      if (['insert', 'replace', 'writeTransition'].includes(name))
        task.hasWritten = answer === true;
    },
  );
}

function isOnlyStamp({ stamp, heldBy, pending, blocked }: Transition): boolean {
  return stamp !== undefined && !heldBy && !pending && !blocked;
}

/**
 * The rename that places or removes the file waits, and with a window the one that replaces what
 * was linked before.
 */
export function gateDisk(disk: Disk): Disk {
  return gate(disk, (name, args, task) => {
    const isTarget = (path: unknown): boolean =>
      typeof path === 'string' && path.endsWith(`/${task.about.path}`);
    const isMove =
      (name === 'link' || name === 'rename' || name === 'replace') &&
      (isTarget(args[0]) || isTarget(args[1]));
    const isLook =
      name === 'stat' &&
      isTarget(args[0]) &&
      (task.about.kind === 'remove' || task.about.kind === 'look');
    if (isMove) noteReplacedFolder(args[1]);
    if (!task.isPlacing || (!isMove && !isLook)) return undefined;
    if (!task.passed.has('rename')) return 'rename';
    const isReplace = task.about.window === true && name === 'replace';
    return isReplace && !task.passed.has('replace') && !task.passed.has('resolve')
      ? 'replace'
      : undefined;
  });
}

/** Resolving waits before the entry is read, and before the resolution is carried out. */
export function gateResolver(ledger: Ledger, hosts: () => readonly Host[]): CreateResolver {
  const read = async (path: Path): Promise<Entry | undefined> => {
    await pass('resolve');
    return ledger.read(path);
  };
  const create = createReplacedFileResolver({ read }, { all: hosts });
  return (at, sentTo) => {
    const resolver = create(at, sentTo);
    return async (...about) => {
      const resolution = await resolver(...about);
      await pass('carry out');
      return resolution;
    };
  };
}

/** Connections whose disk waits; and rsync waits before it begins, since its rename cannot. */
export function gateSsh(ssh: Ssh): Ssh {
  const gated = new WeakMap<SshConnection, SshConnection>();
  const gateConnection = (connection: SshConnection): SshConnection => {
    const known = gated.get(connection);
    if (known) return known;
    const disk = gateDisk(connection.disk);
    const use: Channels['use'] = (work) =>
      connection.channels.use((channel) =>
        work({
          ...channel,
          disk: channel.disk === connection.disk ? disk : gateDisk(channel.disk),
        }),
      );
    const channels = new Proxy(connection.channels, {
      get: (target, name) => (name === 'use' ? use : bind(target, Reflect.get(target, name))),
    });
    const made = new Proxy(connection, {
      get: (target, name) =>
        name === 'disk'
          ? disk
          : name === 'channels'
            ? channels
            : bind(target, Reflect.get(target, name)),
    });
    gated.set(connection, made);
    return made;
  };
  const take: Ssh['connections']['acquire'] = async (address) => {
    const { connection, release } = await ssh.connections.acquire(address);
    return { connection: gateConnection(connection), release };
  };
  const connections = new Proxy(ssh.connections, {
    get: (target, name) => (name === 'acquire' ? take : bind(target, Reflect.get(target, name))),
  });
  const target: Ssh['target'] = async (address) => {
    const task = findTask();
    if (task?.isSending === true && task.about.via === 'rsync' && !task.passed.has('rename'))
      await pass('rename');
    return ssh.target(address);
  };
  return new Proxy(ssh, {
    get: (its, name) =>
      name === 'connections'
        ? connections
        : name === 'target'
          ? target
          : bind(its, Reflect.get(its, name)),
  });
}

function bind(target: object, value: unknown): unknown {
  return typeof value === 'function' ? (value as Method).bind(target) : value;
}

/** This host's own disk: observing, restoring and moving to the trash wait. */
export class GatedOwnDisk extends OwnDisk {
  override async observe(path: Path): Promise<LocalFileInfo | undefined> {
    const task = findTask();
    // A file that was named may be looked at once before its entry is read, in case it is a new
    // one; ours are too old to be.
    if (task?.about.fine === true && task.hasRead && !task.passed.has('disk')) await pass('disk');
    return super.observe(path);
  }

  override async restoreOwnCopy(entry: Entry, ownCopy: string): Promise<boolean> {
    await this.beginPlacement();
    return super.restoreOwnCopy(entry, ownCopy);
  }

  override async putBackUncaptured(entry: Entry, uncaptured: string): Promise<void> {
    await this.beginPlacement();
    await super.putBackUncaptured(entry, uncaptured);
  }

  override async putBackRemoved(path: Path, taken: string): Promise<void> {
    await pass('write');
    await super.putBackRemoved(path, taken);
  }

  override async redate(entry: Entry, seen: LocalFileInfo): Promise<void> {
    await pass('write');
    await super.redate(entry, seen);
  }

  override async moveToTrash(path: Path): Promise<void> {
    await this.beginPlacement();
    await super.moveToTrash(path);
  }

  override locateDir(dir: SyncDir): SyncDirLocation {
    const place = super.locateDir(dir);
    return { ...place, disk: gateDisk(place.disk) };
  }

  private async beginPlacement(): Promise<void> {
    await pass('write');
    const task = findTask();
    if (task) task.isPlacing = true;
  }
}
