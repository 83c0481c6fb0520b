import type { SyncMedia } from '../api/sync-media.js';
import { Refusal } from './refusal.js';

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

/**
 * Finds the route of a method and a path, and decodes its parameters.
 *
 * @throws Refusal 400, 404 or 405
 */
export function findRoute(
  routes: readonly AdminRoute[],
  method: string,
  path: string,
): { route: AdminRoute; params: Record<string, string> } {
  const segments = path
    .split('/')
    .filter((segment) => segment !== '')
    .map(decodeSegment);
  const matches = routes.flatMap((route) => {
    const params = matchSegments(
      route.path.split('/').filter((segment) => segment !== ''),
      segments,
    );
    return params ? [{ route, params }] : [];
  });
  const wanted = method === 'HEAD' ? 'GET' : method;
  const match = matches.find(({ route }) => route.method === wanted);
  if (match) return match;
  if (matches.length === 0)
    throw new Refusal(404, 'NOT_FOUND', 'There is nothing at this address.');
  const allowed = [...new Set(matches.map(({ route }) => route.method))].join(', ');
  throw new Refusal(405, 'METHOD_NOT_ALLOWED', `This address supports ${allowed}.`, {
    Allow: allowed,
  });
}

/** Whether a request is a load balancer's health check, which needs no credentials. */
export function isPublicRequest(
  routes: readonly AdminRoute[],
  method: string,
  path: string,
): boolean {
  return (
    (method === 'GET' || method === 'HEAD') &&
    routes.some((route) => route.isPublic === true && route.path === path)
  );
}

function matchSegments(
  pattern: readonly string[],
  segments: readonly string[],
): Record<string, string> | undefined {
  if (pattern.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, expected] of pattern.entries()) {
    const actual = segments[index] ?? '';
    if (expected.startsWith(':')) params[expected.slice(1)] = actual;
    else if (expected !== actual) return undefined;
  }
  return params;
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new Refusal(400, 'BAD_REQUEST', 'The address is not well-formed.');
  }
}
