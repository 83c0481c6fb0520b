import type { Entry, VersionToRecord } from '../../model/entry.js';
import type { RecordRequest } from '../../model/history.js';
import type { HostId } from '../../model/host.js';
import type { Path } from '../../model/path.js';

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

/** What asks a history to record the versions of an entry that these hosts have to record. */
export function listRecordRequests(entry: Entry, hosts: readonly HostId[]): RecordRequest[] {
  const { path, toRecord = [], unrecorded, capturedBy } = entry;
  return [
    ...toRecord.flatMap((replaced) =>
      hosts.includes(replaced.by) ? [toReplacedRequest(path, replaced)] : [],
    ),
    ...(unrecorded === true && hosts.includes(capturedBy) ? [toRecordRequest(entry)] : []),
  ];
}

function toReplacedRequest(path: Path, { by: _, ...replaced }: VersionToRecord): RecordRequest {
  return { path, ...replaced };
}
