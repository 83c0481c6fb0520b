import { createRsyncBackend } from '../../../src/backends/rsync/rsync-backend.js';
import { describeBackend } from '../contract.js';

describeBackend('rsync alone', (options) => createRsyncBackend({ ...options, smallFileLimit: 0 }));
describeBackend('rsync, small files by SFTP', createRsyncBackend);
