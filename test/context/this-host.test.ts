import { join } from 'node:path';
import mongoose from 'mongoose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PluggedModel } from '../../src/capture/capturing.js';
import { defaultTuning } from '../../src/config/config.js';
import { resolveConfig } from '../../src/config/resolve-config.js';
import { resolvePluginOptions } from '../../src/config/plugin-options.js';
import { ThisHost } from '../../src/context/this-host.js';
import { requireSafePath } from '../../src/replica/paths.js';
import { writeState } from '../../src/state-dir/state.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

let dir: TestDir, stateDir: string, isStarted: boolean, warnings: string[];
beforeEach(async () => {
  dir = await makeTestDir();
  stateDir = join(dir.path, 'state');
  isStarted = false;
  warnings = [];
});
afterEach(() => dir.remove());

function makeThisHost(connection = mongoose.createConnection()): ThisHost {
  const log = {
    info: () => undefined,
    warn: (message: string) => warnings.push(message),
    error: () => undefined,
  };
  const config = resolveConfig({ stateDir, log, environment: { SYNCMEDIA_ROOT: dir.path } });
  return new ThisHost(config, defaultTuning, connection, () => isStarted);
}

async function initialise(root: string): Promise<void> {
  await writeState(stateDir, {
    format: 1,
    id: 'host-1',
    hostname: 'one',
    root,
    syncDirs: [],
    database: { name: 'x', id: 'y' },
    identityFile: join(stateDir, 'id_ed25519'),
    authorizedKeysFile: join(dir.path, 'ssh/authorized_keys'),
    createdAt: new Date().toISOString(),
  });
}

test('the replica is made once, and anew when the registration changed', async () => {
  const thisHost = makeThisHost();
  expect(thisHost.state).toBeUndefined();
  expect(thisHost.replica.rootPath).toBe(dir.path);
  await initialise(join(dir.path, 'srv'));
  expect(thisHost.state).toBeUndefined();
  thisHost.forgetState();
  expect(thisHost.state?.id).toBe('host-1');
  expect(thisHost.replica.rootPath).toBe(join(dir.path, 'srv'));
  expect(thisHost.replica).toBe(thisHost.replica);
});

test('the outbox is made once for each connection', async () => {
  const [first, second] = [mongoose.createConnection(), mongoose.createConnection()];
  const thisHost = makeThisHost(first),
    { outbox } = thisHost;
  expect(outbox).toBeDefined();
  expect(thisHost.outbox).toBe(outbox);
  await first.close();
  first.emit('close');
  const model = second.model('Photo', new mongoose.Schema({})) as unknown as PluggedModel;
  thisHost.addModel(model, second, resolvePluginOptions({ syncDirs: 'uploads' }, 'a test'));
  expect(thisHost.appConnection).toBe(second);
  expect(thisHost.outbox).not.toBe(outbox);
  expect(thisHost.outbox).toBe(thisHost.outbox);
  thisHost.beginClose();
  await second.close();
});

test('a process that was started is told to restart when the registration changed', () => {
  const thisHost = makeThisHost();
  thisHost.forgetState();
  expect(warnings).toEqual([]);
  isStarted = true;
  thisHost.forgetState();
  expect(warnings).toEqual([expect.stringContaining('restart its processes')]);
});

test('a path of the app is absolute or relative to the root, and lies in a sync dir', () => {
  const thisHost = makeThisHost();
  thisHost.declareDirs(
    [{ path: requireSafePath('uploads'), exclude: [], conflict: 'newer', onDelete: 'keep' }],
    'a test',
  );
  expect(thisHost.toPath('uploads/a.jpg')).toBe('uploads/a.jpg');
  expect(thisHost.toPath(join(dir.path, 'uploads/a.jpg'))).toBe('uploads/a.jpg');
  for (const path of ['private/a.jpg', '/etc/passwd', 'uploads/../private/a.jpg'])
    expect(() => thisHost.toPath(path)).toThrow(expect.objectContaining({ code: 'BAD_PATH' }));
});

test('nothing is opened without a host id, nor once closing has begun', async () => {
  const thisHost = makeThisHost();
  await expect(thisHost.openContext()).rejects.toMatchObject({ code: 'NOT_INITIALISED' });
  thisHost.beginClose();
  await expect(thisHost.openConnection()).rejects.toMatchObject({ code: 'CLOSED' });
  await initialise(dir.path);
  thisHost.forgetState();
  await expect(thisHost.openContext()).rejects.toMatchObject({ code: 'CLOSED' });
});
