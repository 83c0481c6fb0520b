import { describe } from 'vitest';
import { describeKilledShares } from '../killed-shares.js';
import { annexIsMissing, createTestBackend } from './site.js';

describe.skipIf(annexIsMissing !== undefined)('with an annex', () => {
  describeKilledShares('git-annex', createTestBackend);
});
