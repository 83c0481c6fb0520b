import { EventEmitter } from 'node:events';
import type { Failure, HostId, Outcome, Path, Run, Unsyncable, Version } from './words.js';

/** What waiters, metrics, log and page are told. Every event names the paths and hosts it is about. */
export interface Events {
  /** The entries of these paths have a new version. */
  folded: { paths: Path[] };
  /** A change reached `host`. */
  outcome: { host: HostId; outcome: Outcome };
  settled: { path: Path; version: Version; hosts: HostId[] };
  /** A host began to fail, or fails in another way. */
  failing: { host: HostId; failure: Failure };
  /** A host works again. */
  recovered: { host: HostId };
  blocked: { path: Path; host: HostId; failure: Failure };
  /** A file that a visitor asked for was fetched from `host`. It landed here, unless `host` had captured it and not folded it yet. */
  fetched: { path: Path; host: HostId; bytes: number; ms: number; landed: boolean };
  /** `host` has a file that a visitor asked for, and did not give it. */
  unfetched: { path: Path; host: HostId; failure: Failure };
  /** New files are on this host. */
  landed: { files: number };
  /** So many removals of a sync dir that they wait for a person. */
  halted: { dir: Path; failure: Failure };
  /** What was found at a path was kept aside. */
  conflict: { path: Path; host: HostId };
  /** This host found a deleted file, or an older version than it held, that no save names. The delete or the newer version won. */
  overruled: { path: Path; by: 'delete' | 'newer version' };
  /** Names in a sync dir of this host that cannot be synced; told where they are others than at the scan before. */
  unsyncable: { dir: Path; found: Unsyncable };
  reloaded: { exitCode: number | null; output: string };
  /** A run changed its state or made progress. */
  run: { run: Run };
  /** This process got the lease of its host, or lost it. */
  lease: { held: boolean };
  /** A part of the flow failed in a way that belongs to no host and no path. */
  failed: { doing: string; error: unknown };
}

/** A typed emitter; a listener that throws is reported as `failed` and disturbs nobody. */
export class EventBus {
  private readonly emitter = new EventEmitter();
  constructor() { this.emitter.setMaxListeners(0); }

  on<K extends keyof Events>(name: K, listener: (event: Events[K]) => void): () => void {
    this.emitter.on(name, listener);
    return () => { this.emitter.off(name, listener); };
  }

  emit<K extends keyof Events>(name: K, event: Events[K]): void {
    for (const listener of this.emitter.listeners(name)) {
      try { (listener as (event: Events[K]) => void)(event); } catch (error) {
        if (name !== 'failed') this.emit('failed', { doing: `a listener of "${name}"`, error });
      }
    }
  }
}
