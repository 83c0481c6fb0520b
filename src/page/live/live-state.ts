import type { WireChange, WireDocument, WireOverview } from '../wire.js';
import { mergeChange, type Reading } from './reading.js';

/** How the page gets its data at the moment. */
export type ConnectionState = 'opening' | 'live' | 'lost' | 'polling' | 'hidden';

export interface LiveState {
  /** The reading on the page. While it is paused, `newest` goes on without it. */
  readonly shown?: Reading;
  readonly newest?: Reading;
  readonly connection: ConnectionState;
  /** Streams that failed one after the other. */
  readonly failures: number;
  /** When the next stream is tried, by the page's clock. */
  readonly retryAt?: number;
  /** Why the last attempt failed, if the router said so. */
  readonly problem?: LiveProblem;
  readonly paused?: {
    readonly by: 'reader' | 'idle';
    readonly at: number;
    readonly changes: number;
  };
  /** The files of the watched path. While it is paused, `newestFiles` goes on without them. */
  readonly files?: WireDocument;
  readonly newestFiles?: WireDocument;
}

/** What a request for the overview failed with. */
export interface LiveProblem {
  readonly code?: string;
  readonly message: string;
  readonly remedy?: string;
}

export type LiveEvent =
  | { readonly type: 'opening' | 'opened' | 'hidden' }
  | { readonly type: 'lost'; readonly retryAt: number; readonly failures: number }
  | { readonly type: 'refused'; readonly problem: LiveProblem }
  | { readonly type: 'overview'; readonly overview: WireOverview; readonly now: number }
  | { readonly type: 'change'; readonly change: WireChange; readonly now: number }
  | { readonly type: 'files'; readonly files: WireDocument }
  | { readonly type: 'unwatched' }
  | { readonly type: 'paused'; readonly by: 'reader' | 'idle'; readonly now: number }
  | { readonly type: 'resumed' };

/** After so many failed streams the page asks at intervals instead, and says so. */
export const failuresBeforePolling = 3;

/** Whether the data is old. One broken stream is no news: a process that restarts breaks it. */
export function isLost({ connection, failures, problem }: LiveState): boolean {
  return connection === 'lost' && (failures > 1 || problem !== undefined);
}

export const firstState: LiveState = { connection: 'opening', failures: 0 };

export function reduceLive(state: LiveState, event: LiveEvent): LiveState {
  switch (event.type) {
    case 'opening':
      return state.connection === 'hidden' ? { ...state, connection: 'opening' } : state;
    case 'opened':
      return { ...without(state, 'retryAt', 'problem'), connection: 'live', failures: 0 };
    case 'hidden':
      return { ...without(state, 'retryAt'), connection: 'hidden' };
    case 'lost':
      return {
        ...state,
        connection: event.failures >= failuresBeforePolling ? 'polling' : 'lost',
        failures: event.failures,
        retryAt: event.retryAt,
      };
    case 'refused':
      return { ...state, problem: event.problem };
    case 'overview':
      return take(without(state, 'problem'), { overview: event.overview, readAt: event.now });
    case 'change':
      // A change of an overview that was never read cannot be applied; the next one is whole.
      return state.newest
        ? take(without(state, 'problem'), {
            overview: mergeChange(state.newest.overview, event.change),
            readAt: event.now,
          })
        : state;
    case 'files':
      return {
        ...state,
        newestFiles: event.files,
        ...(!state.paused && { files: event.files }),
      };
    case 'unwatched':
      return without(state, 'files', 'newestFiles');
    case 'paused':
      return state.paused
        ? state
        : { ...state, paused: { by: event.by, at: event.now, changes: 0 } };
    case 'resumed':
      return {
        ...without(state, 'paused'),
        ...(state.newest && { shown: state.newest }),
        ...(state.newestFiles && { files: state.newestFiles }),
      };
  }
}

function take(state: LiveState, reading: Reading): LiveState {
  const { paused, newest } = state;
  if (!paused || !state.shown) return { ...state, newest: reading, shown: reading };
  const isNew = newest?.overview.id !== reading.overview.id;
  return {
    ...state,
    newest: reading,
    paused: { ...paused, changes: paused.changes + (isNew ? 1 : 0) },
  };
}

function without<K extends 'retryAt' | 'problem' | 'paused' | 'files' | 'newestFiles'>(
  state: LiveState,
  ...names: K[]
): Omit<LiveState, K> {
  const rest: Record<string, unknown> = { ...state };
  for (const name of names) Reflect.deleteProperty(rest, name);
  return rest as unknown as Omit<LiveState, K>;
}

/**
 * The delay before the next stream: 1, 2, 4 … 30 s, and of that a random part from the half up,
 * so that many pages do not come back at once.
 */
export function backOffMs(failures: number, random: number): number {
  return Math.min(30_000, 1_000 * 2 ** Math.max(0, failures - 1)) * (0.5 + random / 2);
}
