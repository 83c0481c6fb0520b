import type { AdminRoute } from '../admin-route.js';
import { type AnswerCode, errorStatuses, errorTexts } from '../answer-error.js';
import { listParams } from '../read-request.js';
import type { JsonSchemaObject } from './convert-schema.js';

/** Describes the error answers of all routes, by name. */
export function describeErrorResponses(): JsonSchemaObject {
  const statuses = [...new Set(Object.values(errorStatuses))].sort();
  return Object.fromEntries(
    statuses.map((status) => [
      nameResponse(status),
      {
        description: describeCodes(status),
        ...(responseHeaders[status] && { headers: responseHeaders[status] }),
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
      },
    ]),
  );
}

function describeCodes(status: number): string {
  return (Object.keys(errorStatuses) as AnswerCode[])
    .filter((code) => errorStatuses[code] === status)
    .map((code) => `${code}: ${errorTexts[code].meaning}`)
    .join('\n\n');
}

/** Refers to the error answers that a route may give. */
export function describeErrorsOf(route: AdminRoute): JsonSchemaObject {
  return Object.fromEntries(
    listErrorStatuses(route).map((status) => [
      status,
      { $ref: `#/components/responses/${nameResponse(status)}` },
    ]),
  );
}

/** The statuses of the errors that a route may answer with. */
export function listErrorStatuses(route: AdminRoute): number[] {
  const { method, path, isPublic, query, statuses = [], errors = [] } = route;
  const isChange = method !== 'GET';
  const takesInput = isChange || query !== undefined || listParams(path).length > 0;
  return [
    ...(takesInput || !isPublic ? [400, 404] : []),
    ...(isPublic && !isChange ? [] : [401, 403]),
    ...(isChange ? [408, 413, 415] : []),
    ...(isPublic ? [] : [409]),
    ...[429, 500, 502, 503, 504],
    ...errors,
  ].filter((status) => !statuses.includes(status));
}

const text = { type: 'string' };
const responseHeaders: Readonly<Record<number, JsonSchemaObject>> = {
  401: {
    'WWW-Authenticate': {
      description: 'Absent if a script of a page sent the request.',
      schema: text,
    },
  },
  429: { 'Retry-After': { description: 'Seconds.', schema: text } },
};

const nameResponse = (status: number): string => `Error${String(status)}`;
