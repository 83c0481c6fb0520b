import { describe } from 'vitest';
import { createRsyncBackend } from '../../../src/transport/rsync/rsync-backend.js';
import { gateIsMissing } from '../../gate/confined.js';
import { describeBackend } from '../contract.js';

describeBackend('rsync alone', (options) => createRsyncBackend({ ...options, smallFileLimit: 0 }));
describeBackend('rsync, small files by SFTP', createRsyncBackend);

describe.skipIf(gateIsMissing !== undefined)('with a confined key', () => {
  describeBackend(
    'rsync alone',
    (options) => createRsyncBackend({ ...options, smallFileLimit: 0 }),
    { confined: true },
  );
  describeBackend('rsync, small files by SFTP', createRsyncBackend, { confined: true });
});
