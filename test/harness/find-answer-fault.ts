import * as v from 'valibot';
import type { AdminRoute } from '../../src/admin/admin-route.js';
import { errorAnswer } from '../../src/admin/answers/error.js';
import { listErrorStatuses } from '../../src/admin/openapi/describe-errors.js';
import { routes } from '../../src/admin/routes.js';
import type { SentAnswer } from './check-answers.js';

/** Says in what an answer differs from what its route describes; nothing if it does not. */
export function findFault({ method, path, status, type, text }: SentAnswer): string | undefined {
  const route = findRoute(method === 'HEAD' ? 'GET' : method, path);
  const { statuses = [200], answer, contentTypes = [] } = route ?? { statuses: [] };
  if (!statuses.includes(status)) {
    // An address that does not decode, or is none, has no route that could describe it.
    if (route && ![400, 405].includes(status) && !listErrorStatuses(route).includes(status))
      return 'no such status';
    return method === 'HEAD' ? undefined : findMismatch(errorAnswer, text);
  }
  if (text === '') return undefined;
  const essence = type.replace(/;.*/, '');
  if (contentTypes.includes(essence)) return undefined;
  if (essence !== 'application/json') return `no such type: ${type}`;
  return answer ? findMismatch(answer, text) : 'no schema';
}

function findRoute(method: string, path: string): AdminRoute | undefined {
  return routes.find(
    (route) =>
      route.method === method &&
      new RegExp(`^${route.path.replaceAll(/:\w+/g, '[^/]+').replaceAll('.', '\\.')}$`).test(path),
  );
}

function findMismatch(schema: v.GenericSchema, text: string): string | undefined {
  const read = v.safeParse(schema, JSON.parse(text));
  if (read.success) return undefined;
  return read.issues
    .map((issue) => `${v.getDotPath(issue) ?? 'the answer'}: ${issue.message}`)
    .join('; ');
}
