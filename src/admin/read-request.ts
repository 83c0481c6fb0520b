import type { AdminRequest, AdminRoute } from './admin-route.js';
import { readFields, textField } from './fields.js';

/**
 * Reads what a route accepts of a request.
 *
 * @throws Refusal 400 that names the unknown, missing or malformed field
 */
export function readRequest(
  { path, query, body = {} }: Pick<AdminRoute, 'path' | 'query' | 'body'>,
  given: {
    readonly params: Readonly<Record<string, string>>;
    readonly query: Readonly<Record<string, string>>;
    readonly body: unknown;
  },
): Pick<AdminRequest, 'params' | 'query' | 'body'> {
  // The address that the router is mounted at may have more parameters.
  const names = listParams(path);
  return {
    params: readFields(
      Object.fromEntries(names.map((name) => [name, given.params[name]])),
      Object.fromEntries(names.map((name) => [name, textField()])),
    ),
    query: query ? readFields(given.query, query) : {},
    body: readFields(given.body, body),
  };
}

/** The names of the parameters of a path such as `/hosts/:host`. */
export function listParams(path: string): string[] {
  return [...path.matchAll(/:(\w+)/g)].flatMap(([, name]) => name ?? []);
}
