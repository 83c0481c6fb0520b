import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import express from 'express';
import request from 'supertest';
import * as v from 'valibot';
import { beforeAll, describe, expect, test } from 'vitest';
import { get } from '../../src/admin/admin-route.js';
import { errorTexts } from '../../src/admin/answer-error.js';
import { createAdmin } from '../../src/admin/create-admin.js';
import { describeApi } from '../../src/admin/openapi/describe-api.js';
import { routes } from '../../src/admin/routes.js';
import { readPage } from '../docs/pages.js';
import { RecordingInstance } from './recording-instance.js';

const token = 'a-token-of-these-tests-0123456789abcdef';
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const app = express().use(
  '/sync-admin',
  createAdmin(new RecordingInstance(), { token, authorize: () => 'approve', log: silent }),
);

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly security?: readonly object[];
  readonly responses: Readonly<Record<string, { $ref?: string; content?: object }>>;
}
interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly responses: Readonly<Record<string, { description: string }>> };
}
let document: OpenApi;
beforeAll(async () => {
  const answer = await request(app).get('/sync-admin/openapi.json');
  expect([answer.status, answer.headers['content-type']]).toEqual([
    200,
    'application/json; charset=utf-8',
  ]);
  document = answer.body as OpenApi;
});

test('a validator accepts the document', async () => {
  const result = await new Validator().validate(
    JSON.parse(JSON.stringify(document)) as Record<string, unknown>,
  );
  expect([result.valid, result.errors]).toEqual([true, undefined]);
});

test('the document is the same wherever the router is mounted: its server is itself', () => {
  expect(document).toMatchObject({ openapi: '3.1.0', servers: [{ url: '.' }] });
  expect(JSON.stringify(document)).not.toContain('/sync-admin');
});

describe('routes, OpenAPI and docs/router.md are the same', () => {
  const ofRoutes = routes.map(({ method, path }) => `${method} ${path}`).sort();

  test('in OpenAPI', () => {
    const described = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map(
        (method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
      ),
    );
    expect(described.sort()).toEqual(ofRoutes);
  });

  test('in docs/router.md', () => {
    const { text } = readPage('docs/router.md');
    const table = text.split('\n## Addresses\n')[1]?.split('\n## ')[0] ?? '';
    const documented = [...table.matchAll(/`((?:GET|POST|PATCH|DELETE) \/[^`?\s]*)/g)].map(
      ([, name = '']) => name,
    );
    expect([...new Set(documented)].sort()).toEqual(ofRoutes);
  });

  test('no address is there twice', () => {
    expect(new Set(ofRoutes).size).toBe(ofRoutes.length);
  });
});

const operations = (): Operation[] =>
  Object.values(document.paths).flatMap((ofPath) => Object.values(ofPath));

test('every operation has a name of its own, a summary, and answers with a schema', () => {
  const names = operations().map(({ operationId }) => operationId);
  expect(new Set(names).size).toBe(names.length);
  const incomplete = operations().filter(
    ({ summary, responses }) =>
      summary === '' ||
      Object.entries(responses).some(
        ([status, { $ref, content = {} }]) =>
          $ref === undefined && Number(status) < 204 && Object.keys(content).length === 0,
      ),
  );
  expect(incomplete).toEqual([]);
});

test('without credentials are the operations of public routes, and no other', () => {
  const open = operations().filter(({ security }) => security?.length === 0);
  expect(open.map(({ operationId }) => operationId).sort()).toEqual([
    'deleteSession',
    'getAssetsName',
    'getHealthz',
    'getReadyz',
    'getSession',
    'postSession',
  ]);
});

test('every code of an error is described once, with the status that it has', () => {
  const described = Object.values(document.components.responses).flatMap(({ description }) =>
    [...description.matchAll(/^([A-Z_]+): /gm)].map(([, code]) => code),
  );
  expect(described.sort()).toEqual(Object.keys(errorTexts).sort());
});

test('the answers fit the JSON Schema that a client reads', async () => {
  const ajv = new Ajv2020({ strict: false, formats: { 'date-time': true } });
  ajv.addSchema(document, 'api');
  const paths = Object.keys(document.paths).filter(
    (path) => document.paths[path]?.get && !/\{|assets|content|events|openapi|metrics/.test(path),
  );
  const queries: Readonly<Record<string, string>> = {
    '/files': '?path=uploads/a.jpg',
    '/conflicts/compare': '?dir=uploads&keptAs=x',
    '/history': '?path=uploads/a.jpg',
    '/history/restore': '?path=uploads/a.jpg&at=2026-11-28',
  };
  const checked: string[] = [];
  for (const path of paths) {
    const answer = await request(app).get(`/sync-admin${path}${queries[path] ?? ''}`);
    const pointer = path.replaceAll('~', '~0').replaceAll('/', '~1');
    const validate = ajv.compile({
      $ref: `api#/paths/${pointer}/get/responses/${String(answer.status)}/content/application~1json/schema`,
    });
    expect([path, validate(answer.body), validate.errors]).toEqual([path, true, null]);
    checked.push(path);
  }
  expect(checked).toEqual(expect.arrayContaining(['/hosts', '/runs', '/overview', '/status']));
});

test('a schema of a kind that nobody described yet is refused, with its name', () => {
  const route = get('/x', { about: 'x', answer: v.bigint(), handle: () => ({ status: 200 }) });
  expect(() => describeApi([route])).toThrow(/bigint/);
});
