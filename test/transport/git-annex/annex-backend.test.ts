import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createAnnexBackend } from '../../../src/transport/git-annex/annex-backend.js';
import type { Backend } from '../../../src/transport/backend.js';
import type { BackendOptions } from '../../../src/transport/options.js';
import { gateIsMissing } from '../../gate/confined.js';
import { describeBackend } from '../contract.js';
import { limits } from '../git/site.js';
import { annexIsMissing, largerThan } from './site.js';

const create = (options: BackendOptions): Backend =>
  createAnnexBackend({
    ...options,
    history: {
      ...limits,
      stateDir: join(options.replica.rootPath, '../state'),
      hostname: 'one',
      annex: { largerThan, on: 'all' },
    },
  });

describe.skipIf(annexIsMissing !== undefined)('with every key', () => {
  describeBackend('git-annex', create, { backendName: 'git-annex' });
});

describe.skipIf(gateIsMissing !== undefined || annexIsMissing !== undefined)(
  'with a confined key',
  () => {
    describeBackend('git-annex', create, { backendName: 'git-annex', confined: true });
  },
);

test('without a place for its history the backend is not made', () => {
  expect(() => createAnnexBackend({} as BackendOptions)).toThrow(/needs a place/);
});
