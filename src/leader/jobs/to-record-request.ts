import type { Entry } from '../../model/entry.js';
import type { RecordRequest } from '../../model/history.js';

/** What asks a history to record the version of an entry. */
export function toRecordRequest(entry: Entry): RecordRequest {
  const { path, version, capturedAt, info, savedBy, author, superseded } = entry;
  const replaced = superseded.at(-1);
  return {
    path,
    version,
    at: capturedAt,
    ...(info && { info }),
    ...(replaced && { replaces: replaced.version }),
    ...(savedBy && { savedBy }),
    ...(author !== undefined && { author }),
  };
}
