import type { SyncMedia } from '../api/sync-media.js';

/** The parts of a request that a handler needs, without Express. */
export interface AdminRequest {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  /** Throws a Refusal if the requester may not approve hosts. */
  readonly requireApprover: () => Promise<void>;
}

export interface AdminAnswer {
  readonly status: number;
  readonly body: unknown;
  /** The address of the created resource, below the router's own address. */
  readonly location?: string;
}

export interface AdminRoute {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Segments that begin with `:` are parameters. */
  readonly path: string;
  readonly about: string;
  /** Open to load balancers without credentials, so its answer must reveal nothing. */
  readonly isPublic?: true;
  readonly handle: (sync: SyncMedia, request: AdminRequest) => AdminAnswer | Promise<AdminAnswer>;
}
