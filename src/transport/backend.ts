import type { FileHandle } from 'node:fs/promises';
import type { Change, Difference, DeliveryOutcome } from '../model/change.js';
import type { FileInfo } from '../model/file.js';
import type { Failure } from '../model/failure.js';
import type { Host } from '../model/host.js';
import type { Path } from '../model/path.js';
import type { SyncDir } from '../model/sync-dir.js';
import type { History } from './history.js';

/**
 * Moves bytes between this host and another, and knows nothing else. Every backend passes
 * `test/transport/contract.ts`.
 *
 * `send` and `fetch` answer each change exactly once, in any order, as soon as the outcome is
 * known. They report a failing host as an outcome, `prepare` returns a Failure, `compare` and
 * `read` throw a SyncMediaError. "delivered" means that the other side confirmed it. After an
 * abort nothing new is started; changes under way are answered as failed, with unknown effect.
 */
export interface Backend {
  /**
   * Makes the host able to receive: reachable, with marked sync dirs. Changes nothing if it
   * already is. Idempotent.
   */
  prepare(host: Host, dirs: readonly SyncDir[], signal: AbortSignal): Promise<Failure | undefined>;
  /**
   * Whether the host takes a connection now. It is cheap, logs in nowhere, and says nothing about
   * whether the host can receive.
   */
  takesConnection(host: Host, signal: AbortSignal): Promise<boolean>;
  send(to: Host, changes: readonly Change[], signal: AbortSignal): AsyncIterable<DeliveryOutcome>;
  fetch(
    from: Host,
    changes: readonly Change[],
    signal: AbortSignal,
  ): AsyncIterable<DeliveryOutcome>;
  /**
   * Lists differences and changes nothing. Omits excluded paths and everything below
   * `.syncmedia`.
   *
   * @param from `other`: omits files that the other host lacks, which saves both hosts a walk
   *   through the whole sync dir. Default `both`
   */
  compare(
    host: Host,
    dir: SyncDir,
    by: 'time' | 'bytes',
    signal: AbortSignal,
    from?: 'both' | 'other',
  ): AsyncIterable<Difference>;
  /**
   * Opens one file as it is there now. The caller must consume or destroy the body.
   *
   * @throws NOT_A_FILE if there is no such file; NO_MARKER if the sync dir is not mounted
   */
  read(
    from: Host,
    path: Path,
    signal: AbortSignal,
  ): Promise<{ info: FileInfo; body: AsyncIterable<Uint8Array> }>;
  /**
   * Writes the bytes of a version into an empty file, if the host has them: at the path, or among
   * the files that were replaced there since `since`. False if it has none.
   *
   * @throws NO_MARKER if the sync dir is not mounted; what the connection throws
   */
  fetchCopy(
    from: Host,
    wanted: { readonly path: Path; readonly info: FileInfo; readonly since: Date },
    into: FileHandle,
    signal: AbortSignal,
  ): Promise<boolean>;
  /** Remembers every version. Missing where the backend cannot. */
  readonly history?: History;
  /** Ends all connections and processes of this backend. */
  close(): Promise<void>;
}
