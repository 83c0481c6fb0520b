import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasErrorCode } from '../../src/model/errors.js';
import type { Log } from '../../src/model/log.js';
import type { SyncMediaOptions } from '../../src/config/config.js';
import { resolveConfig } from '../../src/config/resolve-config.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

const environment = { HOME: '/home/ann' };

function catchError(options: unknown): unknown {
  try {
    resolveConfig(options as SyncMediaOptions);
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

function recordingLog(): Log & { warnings: string[] } {
  const warnings: string[] = [];
  return {
    warnings,
    info: () => undefined,
    warn: (message) => {
      warnings.push(message);
    },
    error: () => undefined,
  };
}

describe('resolveConfig', () => {
  let dir: TestDir;
  beforeAll(async () => {
    dir = await makeTestDir();
  });
  afterAll(() => dir.remove());

  test('has a default for everything', () => {
    expect(resolveConfig({ environment })).toMatchObject({
      stateDir: '/home/ann/.local/state/syncmedia',
      collectionPrefix: 'syncmedia_',
      modelSync: {},
      timeoutMs: 30_000,
      backend: 'rsync',
      chmod: 'F644',
      autoApprove: true,
      key: undefined,
      reloadCommand: undefined,
      init: { defaultAuthorizedKeysFile: '/home/ann/.ssh/authorized_keys' },
    });
  });

  test.each([
    [{ environment: { ...environment, XDG_STATE_HOME: '/var/state' } }, '/var/state/syncmedia'],
    [
      { environment: { ...environment, XDG_STATE_HOME: 'relative' } },
      '/home/ann/.local/state/syncmedia',
    ],
    [{ environment: { ...environment, SYNCMEDIA_STATE_DIR: '/var/lib/site/' } }, '/var/lib/site'],
    [
      {
        stateDir: '/srv/a/../state',
        environment: { ...environment, SYNCMEDIA_STATE_DIR: '/var/lib/site' },
      },
      '/srv/state',
    ],
  ])('finds the state folder: %j', (options, stateDir) => {
    expect(resolveConfig(options).stateDir).toBe(stateDir);
  });

  test('refuses a state folder whose socket path would be cut off', () => {
    const longest = `/${'a'.repeat(103 - '/leader.sock'.length - 1)}`;
    expect(resolveConfig({ environment, stateDir: longest }).stateDir).toBe(longest);
    expect(hasErrorCode(catchError({ environment, stateDir: `${longest}a` }), 'BAD_STATE')).toBe(
      true,
    );
    // It is bytes that count.
    expect(
      hasErrorCode(catchError({ environment, stateDir: `${longest.slice(0, -1)}é` }), 'BAD_STATE'),
    ).toBe(true);
  });

  test('seconds become milliseconds, and the newer name of the key wins', () => {
    const config = resolveConfig({
      environment: {
        ...environment,
        SYNCMEDIA_TIMEOUT: '0.5',
        PATH_RSA: '/old.pub',
        SYNCMEDIA_KEY: '/new.pub',
      },
    });
    expect(config).toMatchObject({ timeoutMs: 500, key: '/new.pub' });
    expect(resolveConfig({ environment: { ...environment, PATH_RSA: '/old.pub' } }).key).toBe(
      '/old.pub',
    );
  });

  test('warns once of unknown variables', () => {
    const log = recordingLog();
    resolveConfig({
      log,
      environment: {
        ...environment,
        SYNCMEDIA_ROOTS: '/x',
        SYNCMEDIA_PORT_80_TCP: 'tcp://10.0.0.1:80',
      },
    });
    expect(log.warnings).toHaveLength(1);
    expect(log.warnings[0]).toContain(
      '"SYNCMEDIA_ROOTS" (did you mean "SYNCMEDIA_ROOT"?), "SYNCMEDIA_PORT_80_TCP"',
    );
    resolveConfig({ log, environment });
    expect(log.warnings).toHaveLength(1);
  });

  test.each([
    ['stateDirectory', { stateDirectory: '/x' }],
    ['stateDir', { stateDir: 'x' }],
    ['collectionPrefix', { collectionPrefix: '' }],
    ['collectionPrefix', { collectionPrefix: '$x' }],
    ['log', { log: {} }],
    ['modelSync', { modelSync: [] }],
    ['modelSync.Photo', { modelSync: { Photo: { dirs: 'a' } } }],
    ['null', null],
  ])('names %s', (culprit, options) => {
    const error = catchError(options);
    expect(hasErrorCode(error, 'BAD_OPTION')).toBe(true);
    expect(String(error)).toContain(culprit);
  });

  test('reads modelSync from a JSON file', async () => {
    const file = join(dir.path, 'models.json');
    await writeFile(
      file,
      JSON.stringify({ Photo: { syncDirs: ['uploads/photos'], exclude: '*.tmp' } }),
    );
    const variables = { ...environment, SYNCMEDIA_MODEL_SYNC: file };
    expect(resolveConfig({ environment: variables }).modelSync).toEqual({
      Photo: { syncDirs: ['uploads/photos'], exclude: '*.tmp' },
    });
    expect(resolveConfig({ environment: variables, modelSync: {} }).modelSync).toEqual({});
  });

  test.each([
    ['not JSON', '{', 'BAD_ENVIRONMENT'],
    ['no object', '[]', 'BAD_OPTION'],
    ['a bad dir', '{"Photo":{"syncDirs":"/abs"}}', 'BAD_SYNC_DIR'],
  ] as const)('names the modelSync file that is %s', async (_what, content, code) => {
    const file = join(dir.path, 'bad.json');
    await writeFile(file, content);
    const error = catchError({ environment: { ...environment, SYNCMEDIA_MODEL_SYNC: file } });
    expect(hasErrorCode(error, code)).toBe(true);
    expect(String(error)).toContain('SYNCMEDIA_MODEL_SYNC');
    expect(String(error)).toContain(file);
  });

  test('names the modelSync file that is missing', () => {
    const error = catchError({
      environment: { ...environment, SYNCMEDIA_MODEL_SYNC: '/nowhere.json' },
    });
    expect(hasErrorCode(error, 'BAD_ENVIRONMENT')).toBe(true);
    expect(String(error)).toContain('/nowhere.json');
  });
});

test('a database URI in the place of the connection is refused without its password', () => {
  const uri = 'mongodb://app:s3cret@db1/site';
  const make = (): unknown => resolveConfig({ connection: uri } as unknown as SyncMediaOptions);
  expect(make).toThrow(/connection is set to something that cannot be used/);
  expect(make).not.toThrow(/s3cret/);
});
