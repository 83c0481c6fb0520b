import type { Change, Difference, Facts, Failure, Host, Outcome, Path, SyncDir } from '../words.js';

/**
 * Moves bytes between this host and another and knows nothing else. Every backend passes `test/backends/contract.ts`.
 *
 * `send` and `fetch` answer each change exactly once, as soon as it is known, in any order. A failing host is an outcome there, a
 * returned Failure from `prepare`, a thrown SyncMediaError from `compare` and `read`. "delivered" is said only of what the other
 * side confirmed. After an abort nothing new is started; what was under way is answered failed, of unknown effect.
 */
export interface Backend {
  /** Able to receive: reachable, sync dirs marked. Changes nothing where it is already. Idempotent. */
  prepare(host: Host, dirs: readonly SyncDir[], signal: AbortSignal): Promise<Failure | undefined>;
  send(to: Host, changes: readonly Change[], signal: AbortSignal): AsyncIterable<Outcome>;
  fetch(from: Host, changes: readonly Change[], signal: AbortSignal): AsyncIterable<Outcome>;
  /**
   * Lists what differs, changes nothing, sees no excluded path and nothing below `.syncmedia`.
   *
   * @param from `other`: what the other host lacks is left out, which saves both a walk through the whole sync dir. Default `both`
   */
  compare(host: Host, dir: SyncDir, by: 'time' | 'bytes', signal: AbortSignal, from?: 'both' | 'other'): AsyncIterable<Difference>;
  /** One file as it is there now. The body must be consumed or destroyed. Throws NOT_A_FILE where none is there, NO_MARKER where nobody can say. */
  read(from: Host, path: Path, signal: AbortSignal): Promise<{ facts: Facts; body: AsyncIterable<Uint8Array> }>;
  /** Ends every connection and process of its own. */
  close(): Promise<void>;
}
