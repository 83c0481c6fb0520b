import { join } from 'node:path';
import { describe } from 'vitest';
import { createAnnexBackend } from '../../../src/transport/git-annex/annex-backend.js';
import { limits } from '../git/site.js';
import { describeKilledShares } from '../killed-shares.js';
import { annexIsMissing, largerThan } from './site.js';

describe.skipIf(annexIsMissing !== undefined)('with an annex', () => {
  describeKilledShares('git-annex', (options) =>
    createAnnexBackend({
      ...options,
      history: {
        ...limits,
        stateDir: join(options.replica.rootPath, '../state'),
        hostname: 'one',
        annex: { largerThan, on: 'all' },
      },
    }),
  );
});
