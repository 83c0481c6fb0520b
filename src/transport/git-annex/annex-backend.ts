import { SyncMediaError } from '../../model/errors.js';
import type { Backend } from '../backend.js';
import type { BackendOptions } from '../options.js';
import { createRsyncBackend } from '../rsync/rsync-backend.js';
import { AnnexHistory } from './annex-history.js';

/**
 * The rsync backend with a history whose large files lie in an annex by key. It delivers as the
 * rsync backend does.
 *
 * @throws BAD_OPTION without a place for the history
 */
export function createAnnexBackend(options: BackendOptions): Backend {
  const { history: place } = options;
  if (place?.annex === undefined)
    throw new SyncMediaError('BAD_OPTION', 'The backend git-annex needs a place for its history.');
  const carrier = createRsyncBackend(options);
  const history = new AnnexHistory(options, { ...place, annex: place.annex });
  return {
    ...carrier,
    history,
    async close(): Promise<void> {
      await history.close();
      await carrier.close();
    },
  };
}
