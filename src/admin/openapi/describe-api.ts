import { STATUS_CODES } from 'node:http';
import type { GenericSchema } from 'valibot';
import { version } from '../../util/version.js';
import type { AdminRoute } from '../admin-route.js';
import { eventSchemas } from '../answers/live-events.js';
import type { Fields } from '../fields.js';
import { listParams } from '../read-request.js';
import { cookieNameStart } from '../session/session-seal.js';
import { type JsonSchemaObject, SchemaConverter } from './convert-schema.js';
import { describeErrorResponses, describeErrorsOf } from './describe-errors.js';
import { namedSchemas } from './named-schemas.js';

const converter = new SchemaConverter(
  new Map(Object.entries(namedSchemas).map(([name, schema]) => [schema, name])),
);

/** Describes the routes as an OpenAPI 3.1 document. */
export function describeApi(routes: readonly AdminRoute[]): JsonSchemaObject {
  return {
    openapi: '3.1.0',
    info: {
      title: 'syncmedia',
      version,
      description:
        'The admin router of syncmedia. Answers may get more properties in later versions. ' +
        'Changes need `Content-Type: application/json`, and come from the same origin or from no ' +
        'browser.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    // The router, wherever it is mounted: this document lies in it.
    servers: [{ url: '.' }],
    security: [{ bearer: [] }, { basic: [] }, { cookie: [] }],
    paths: describePaths(routes),
    components: {
      schemas: Object.fromEntries(
        Object.entries(namedSchemas).map(([name, schema]) => [
          name,
          converter.convertNamed(schema),
        ]),
      ),
      responses: describeErrorResponses(),
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'The token.' },
        basic: {
          type: 'http',
          scheme: 'basic',
          description: 'The token as password, with any user name.',
        },
        cookie: {
          type: 'apiKey',
          in: 'cookie',
          name: cookieNameStart,
          description:
            'A session. POST /session sets it; four digits that depend on the token end its name.',
        },
      },
    },
  };
}

function describePaths(routes: readonly AdminRoute[]): JsonSchemaObject {
  return Object.fromEntries(
    routes.map(({ path }) => [
      path.replaceAll(/:(\w+)/g, '{$1}'),
      Object.fromEntries(
        routes
          .filter((route) => route.path === path)
          .map((route) => [route.method.toLowerCase(), describeOperation(route)]),
      ),
    ]),
  );
}

function describeOperation(route: AdminRoute): JsonSchemaObject {
  const { method, path, about, isPublic, query, body } = route;
  const parameters = [...listParams(path).map(describeParam), ...describeQuery(query)];
  return {
    operationId: nameOperation(method, path),
    summary: about,
    ...(isPublic && { security: [] }),
    ...(parameters.length > 0 && { parameters }),
    ...(method !== 'GET' && { requestBody: describeBody(body) }),
    responses: { ...describeAnswers(route), ...describeErrorsOf(route) },
  };
}

/** Such as `postRunsIdCancel`. */
function nameOperation(method: string, path: string): string {
  const words = path.split(/\W+/).filter((word) => word !== '');
  const capitalised = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  return method.toLowerCase() + (capitalised.join('') || 'Index');
}

function describeParam(name: string): JsonSchemaObject {
  return { name, in: 'path', required: true, schema: { type: 'string', maxLength: 255 } };
}

function describeQuery(query: Fields = {}): JsonSchemaObject[] {
  return Object.entries(query).map(([name, field]) => ({
    name,
    in: 'query',
    required: isRequired(field),
    schema: converter.convertRequest(field),
  }));
}

function describeBody(body: Fields = {}): JsonSchemaObject {
  const required = Object.entries(body).flatMap(([name, field]) => (isRequired(field) ? name : []));
  return {
    required: required.length > 0,
    content: {
      'application/json': {
        schema: {
          type: 'object',
          properties: Object.fromEntries(
            Object.entries(body).map(([name, field]) => [name, converter.convertRequest(field)]),
          ),
          ...(required.length > 0 && { required }),
          additionalProperties: false,
        },
      },
    },
  };
}

const isRequired = (field: GenericSchema): boolean => field.type !== 'exact_optional';

function describeAnswers({
  statuses = [200],
  answer,
  contentTypes = [],
}: AdminRoute): JsonSchemaObject {
  const content = {
    ...(answer && { 'application/json': { schema: converter.convertAnswer(answer) } }),
    ...Object.fromEntries(contentTypes.map((type) => [type, { schema: describeText(type) }])),
  };
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      {
        description: STATUS_CODES[status] ?? String(status),
        ...(!isEmpty(status) && { content }),
      },
    ]),
  );
}

function describeText(type: string): JsonSchemaObject {
  if (type !== 'text/event-stream') return { type: 'string' };
  const events = Object.entries(eventSchemas).map(([name, schema]) => [
    name,
    converter.convertAnswer(schema),
  ]);
  return {
    type: 'string',
    description: 'Server-sent events. `x-events` has the JSON of their data, by name.',
    'x-events': Object.fromEntries(events) as JsonSchemaObject,
  };
}

const isEmpty = (status: number): boolean => status === 204 || (status >= 300 && status < 400);
