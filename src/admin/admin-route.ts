import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { GenericSchema } from 'valibot';
import type { SyncMedia } from '../api/sync-media.js';
import type { EventStreams } from './events/event-streams.js';
import type { Fields, FieldValues } from './fields.js';
import type { PageFiles } from './page/page-files.js';
import type { Session } from './session/session-seal.js';

/** The person or program that sent a request. */
export interface Requester {
  /** The name and address, as the audit log has them. */
  readonly description: string;
  /** Absent if the request was admitted by other means, or not at all. */
  readonly session: Session | undefined;
  /** Throws a Refusal if the requester is not admitted, or not any more. */
  readonly requireAuthorized: () => Promise<Session | undefined>;
  readonly mayApprove: () => Promise<boolean>;
  /** Undefined where nobody can sign in. */
  readonly cookieName: string | undefined;
  /** Returns a sealed session. Throws a Refusal if the token is wrong. */
  readonly signIn: (token: string, name: string) => string;
}

/** The parts of a request that a handler needs, without Express. */
export interface AdminRequest<Param extends string = string, Query = unknown, Body = unknown> {
  readonly params: Readonly<Record<Param, string>>;
  readonly query: Query;
  readonly body: Body;
  readonly headers: IncomingHttpHeaders;
  readonly requester: Requester;
  readonly readOnly: boolean;
  readonly page: PageFiles;
  readonly streams: EventStreams;
}

export interface AdminAnswer {
  readonly status: number;
  /** JSON; text or bytes if `contentType` says so. Absent: none. */
  readonly body?: unknown;
  readonly contentType?: string;
  /** The address of the created resource, below the router's own address. */
  readonly location?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Writes the body, instead of `body`. Rejects never, and ends the response. */
  readonly write?: (response: ServerResponse) => Promise<void>;
}

/** What the router, OpenAPI and the tests know of a route. */
interface RouteDescription<Query extends Fields = Fields, Body extends Fields = Fields> {
  readonly about: string;
  /** Open to everyone without credentials, so its answer must reveal nothing. */
  readonly isPublic?: true;
  /** Only for somebody for whom `authorize` answers 'approve'; the token does not suffice. */
  readonly approverOnly?: true;
  /** Nothing of the site, although its method is not GET. So a read-only router allows it. */
  readonly changesNothing?: true;
  /** The parameters of the query. Without this the route ignores its query. */
  readonly query?: Query;
  /** The fields of the body. Without this only an empty object is accepted. */
  readonly body?: Body;
  /** The statuses of its answers that are no errors. Default: 200. */
  readonly statuses?: readonly number[];
  /** Statuses of errors that no other route has. */
  readonly errors?: readonly number[];
  /** Describes the JSON of its answers. */
  readonly answer?: GenericSchema;
  /** The types of answers that are not JSON. */
  readonly contentTypes?: readonly string[];
}

export interface AdminRoute extends RouteDescription {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Segments that begin with `:` are parameters. */
  readonly path: string;
  readonly handle: (sync: SyncMedia, request: AdminRequest) => AdminAnswer | Promise<AdminAnswer>;
}

/** The parameters of a path such as `/hosts/:host`. */
type ParamsOf<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Name | ParamsOf<`/${Rest}`>
  : Path extends `${string}:${infer Name}`
    ? Name
    : never;

interface TypedRoute<
  Path extends string,
  Query extends Fields,
  Body extends Fields,
> extends RouteDescription<Query, Body> {
  readonly handle: (
    sync: SyncMedia,
    request: AdminRequest<ParamsOf<Path>, FieldValues<Query>, FieldValues<Body>>,
  ) => AdminAnswer | Promise<AdminAnswer>;
}

type NoFields = Readonly<Record<never, never>>;

type DefineRoute = <
  Path extends string,
  Query extends Fields = NoFields,
  Body extends Fields = NoFields,
>(
  path: Path,
  route: TypedRoute<Path, Query, Body>,
) => AdminRoute;

const define =
  (method: AdminRoute['method']): DefineRoute =>
  (path, route) => ({ ...route, method, path, handle: route.handle as AdminRoute['handle'] });

export const get = define('GET');
export const post = define('POST');
export const patch = define('PATCH');
export const remove = define('DELETE');
