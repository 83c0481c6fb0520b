import { describe, expect, test } from 'vitest';
import { createAnnexBackend } from '../../../src/transport/git-annex/annex-backend.js';
import type { BackendOptions } from '../../../src/transport/options.js';
import { gateIsMissing } from '../../gate/confined.js';
import { describeBackend } from '../contract.js';
import { annexIsMissing, createTestBackend } from './site.js';

describe.skipIf(annexIsMissing !== undefined)('with every key', () => {
  describeBackend('git-annex', createTestBackend, { backendName: 'git-annex' });
});

describe.skipIf(gateIsMissing !== undefined || annexIsMissing !== undefined)(
  'with a confined key',
  () => {
    describeBackend('git-annex', createTestBackend, { backendName: 'git-annex', confined: true });
  },
);

test('without a place for its history the backend is not made', () => {
  expect(() => createAnnexBackend({} as BackendOptions)).toThrow(/needs a place/);
});
