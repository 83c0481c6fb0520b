import type { BackendName } from '../model/backend-name.js';
import type { Backend } from './backend.js';
import type { BackendOptions } from './options.js';
import { createGitBackend } from './git/git-backend.js';
import { createAnnexBackend } from './git-annex/annex-backend.js';
import { createRsyncBackend } from './rsync/rsync-backend.js';

/** Creates each backend of this release. The caller closes the backend that it created. */
export const createBackend: Readonly<Record<BackendName, (options: BackendOptions) => Backend>> = {
  rsync: createRsyncBackend,
  git: createGitBackend,
  'git-annex': createAnnexBackend,
};
