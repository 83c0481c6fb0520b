import { createGitBackend } from '../../../src/transport/git/git-backend.js';
import { join } from 'node:path';
import { describeKilledShares } from '../killed-shares.js';
import { limits } from './site.js';

describeKilledShares('git', (options) =>
  createGitBackend({
    ...options,
    history: { ...limits, stateDir: join(options.replica.rootPath, '../state'), hostname: 'one' },
  }),
);
