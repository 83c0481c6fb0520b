import { buildSync, stop, type Metafile } from 'esbuild';
import express from 'express';
import request from 'supertest';
import { afterEach, expect, test, vi } from 'vitest';
import { RecordingInstance } from './recording-instance.js';

/** What is loaded with a file, and what it may load later. */
function listLoaded({ outputs }: Metafile, entry: string): { now: string[]; later: string[] } {
  const now: string[] = [],
    later: string[] = [];
  const visit = (file: string): void => {
    for (const { path, kind } of outputs[file]?.imports ?? []) {
      const list = kind === 'dynamic-import' ? later : now;
      if (list.includes(path)) continue;
      list.push(path);
      if (kind !== 'dynamic-import') visit(path);
    }
  };
  visit(entry);
  return { now, later };
}

test('an application that mounts no router does not load Express', () => {
  const { metafile } = buildSync({
    entryPoints: ['src/index.ts'],
    outdir: 'bundle',
    write: false,
    metafile: true,
    bundle: true,
    splitting: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
  });
  void stop();
  const { now, later } = listLoaded(metafile, 'bundle/index.js');
  expect(now).toContain('mongoose');
  expect(now).not.toContain('express');
  expect(later.flatMap((file) => listLoaded(metafile, file).now)).toContain('express');
});

afterEach(() => {
  vi.doUnmock('../../src/admin/router.js');
});

test('a router that cannot be loaded is logged once, and each request gets INTERNAL', async () => {
  vi.doMock('../../src/admin/router.js', () => {
    throw new Error('no express at /srv/app');
  });
  const { createAdmin } = await import('../../src/admin/create-admin.js');
  const errors: string[] = [];
  const log = {
    info: () => undefined,
    warn: () => undefined,
    error: (message: string) => errors.push(message),
  };
  const app = express();
  app.use(createAdmin(new RecordingInstance(), { token: 'x'.repeat(32), log }));
  for (const path of ['/', '/status']) {
    const { status, text, headers } = await request(app).get(path);
    expect([status, JSON.parse(text)]).toMatchObject([500, { error: { code: 'INTERNAL' } }]);
    expect(text).not.toMatch(/\/srv|at /);
    expect(headers['cache-control']).toBe('no-store');
  }
  expect(errors).toEqual([expect.stringContaining('the admin router cannot be loaded')]);
});

test.each([
  ['warns on a host', true, ['the admin router refuses everyone']],
  ['is silent on a machine that was never initialised', false, []],
])('a router without token and authorize %s', async (_what, initialised, expected) => {
  const { createAdmin } = await import('../../src/admin/create-admin.js');
  const warnings: string[] = [];
  const log = {
    info: () => undefined,
    warn: (message: string) => warnings.push(message.replace(/:.*/, '')),
    error: () => undefined,
  };
  const instance = Object.assign(new RecordingInstance(), { initialised });
  createAdmin(instance, { log });
  createAdmin(instance, { log, token: 'x'.repeat(32) });
  createAdmin(instance, { log, authorize: () => true });
  expect(warnings).toEqual(expected);
});
