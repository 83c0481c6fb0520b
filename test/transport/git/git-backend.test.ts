import { describe, expect, test } from 'vitest';
import { join } from 'node:path';
import { createGitBackend } from '../../../src/transport/git/git-backend.js';
import type { BackendOptions } from '../../../src/transport/options.js';
import { gateIsMissing } from '../../gate/confined.js';
import { describeBackend } from '../contract.js';
import { limits } from './site.js';

const create = (options: BackendOptions): ReturnType<typeof createGitBackend> =>
  createGitBackend({
    ...options,
    history: {
      ...limits,
      maxFileBytes: 32 * 1024 ** 2,
      stateDir: join(options.replica.rootPath, '../state'),
      hostname: 'one',
    },
  });

describeBackend('git', create, { backendName: 'git' });

describe.skipIf(gateIsMissing !== undefined)('with a confined key', () => {
  describeBackend('git', create, { backendName: 'git', confined: true });
});

test('without a place for its history the backend is not made', () => {
  expect(() => createGitBackend({} as BackendOptions)).toThrow(/needs a place/);
});
