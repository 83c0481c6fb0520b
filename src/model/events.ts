import { EventEmitter } from 'node:events';
import type { Failure } from './failure.js';
import type { HostId, UnsyncableNames } from './host.js';
import type { DeliveryOutcome } from './change.js';
import type { Path } from './path.js';
import type { Run } from './run.js';
import type { Version } from './entry.js';

/**
 * What came of a visitor's request. missing: no host has the file. unavailable: a host may have
 * it, but none could deliver it in time. failed: an error here, or of the database.
 */
export type ReadOutcome = 'local' | 'fetched' | 'missing' | 'unavailable' | 'failed';

/**
 * Events of an instance, for waiting calls, metrics, log and admin page. Every event names its
 * paths and hosts.
 */
export interface Events {
  /** The entries of these paths have a new version. */
  recorded: { paths: Path[] };
  /**
   * A change was carried out, or tried, at `host`. `ms`: since its batch began to be sent.
   * `savedMs`: since the save that made this version, if the change delivers one.
   */
  outcome: { host: HostId; outcome: DeliveryOutcome; ms: number; savedMs?: number };
  acknowledged: { path: Path; version: Version; hosts: HostId[] };
  /**
   * A host began to fail, or fails in another way. `dir`: only this sync dir fails, and the others
   * go on.
   */
  failing: { host: HostId; dir?: Path; failure: Failure; nextTryAt?: Date };
  /** A host works again. */
  recovered: { host: HostId };
  /** `path` fails at `host` while others go on. Without `nextTryAt` it waits for a person. */
  blocked: { path: Path; host: HostId; failure: Failure; nextTryAt?: Date };
  /** A visitor's request for a file was answered, or passed on to the next handler. */
  read: { path: Path; outcome: ReadOutcome };
  /**
   * A file that a visitor requested was fetched from `host`. It was placed on this disk, unless
   * `host` had captured it and not recorded it yet.
   */
  fetched: { path: Path; host: HostId; bytes: number; ms: number; placed: boolean };
  /** `host` has a file that a visitor requested, and did not deliver it. */
  fetchFailed: { path: Path; host: HostId; failure: Failure };
  /** New files have arrived on this host. */
  received: { files: number };
  /** A sync dir has so many removals that they wait for a person. */
  halted: { dir: Path; failure: Failure };
  /** A file found at a path was kept as a conflict. */
  conflict: { path: Path; host: HostId };
  /**
   * This host found a deleted file, or an older version than it held, that no save names. The
   * delete or the newer version won.
   */
  overruled: { path: Path; by: 'delete' | 'newer version' };
  /**
   * Names in a sync dir of this host cannot be synced. Emitted if they changed since the last
   * scan.
   */
  unsyncable: { dir: Path; found: UnsyncableNames };
  reloaded: { exitCode: number | null; output: string };
  /** A run changed its state or made progress. */
  run: { run: Run };
  /** This process acquired or lost the lease of its host. */
  lease: { held: boolean };
  /** An operation failed, and no host or path is to blame. */
  failed: { doing: string; error: unknown };
}

/** A typed emitter. It reports a listener that throws as `failed`; other listeners still run. */
export class EventBus {
  private readonly emitter = new EventEmitter();
  constructor() {
    this.emitter.setMaxListeners(0);
  }

  on<K extends keyof Events>(name: K, listener: (event: Events[K]) => void): () => void {
    this.emitter.on(name, listener);
    return () => {
      this.emitter.off(name, listener);
    };
  }

  emit<K extends keyof Events>(name: K, event: Events[K]): void {
    for (const listener of this.emitter.listeners(name)) {
      try {
        (listener as (event: Events[K]) => void)(event);
      } catch (error) {
        if (name !== 'failed') this.emit('failed', { doing: `a listener of "${name}"`, error });
      }
    }
  }
}
