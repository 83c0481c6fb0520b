import { SyncMediaError } from '../../model/errors.js';
import type { Backend } from '../backend.js';
import type { BackendOptions } from '../options.js';
import { createRsyncBackend } from '../rsync/rsync-backend.js';
import { GitHistory } from './git-history.js';

/**
 * The rsync backend with a history: it delivers as that does, and remembers every version in a
 * git repository.
 *
 * @throws BAD_OPTION without a place for the history
 */
export function createGitBackend(options: BackendOptions): Backend {
  if (options.history === undefined)
    throw new SyncMediaError('BAD_OPTION', 'The backend git needs a place for its history.');
  const carrier = createRsyncBackend(options);
  const history = new GitHistory(options, options.history);
  return {
    ...carrier,
    history,
    async close(): Promise<void> {
      await history.close();
      await carrier.close();
    },
  };
}
