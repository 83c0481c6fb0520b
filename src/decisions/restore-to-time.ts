import type { Entry } from '../model/entry.js';
import type { RecordedVersion } from '../model/history.js';
import type { LeftOutReason } from '../model/run.js';

/**
 * What a restore of a sync dir does with a path: it places the version of that time, it has
 * nothing to do, or it leaves the path out. `hash only`: it needs a copy of the bytes.
 */
export type RestoreAnswer = 'restore' | 'same' | LeftOutReason;

/**
 * Decides about an entry that was captured after the time.
 *
 * @param version the one that was current at the time, if the history has it
 */
export function answerRestore(
  { kind, info }: Pick<Entry, 'kind' | 'info'>,
  version: Pick<RecordedVersion, 'as' | 'info'> | undefined,
): RestoreAnswer {
  if (version === undefined) return 'no version';
  if (version.as === 'removed' || !version.info)
    return kind === 'tombstone' ? 'same' : 'removed then';
  const { sha256 } = version.info;
  if (kind === 'file' && sha256 !== undefined && info?.sha256 === sha256) return 'same';
  return version.as === 'stored' ? 'restore' : 'hash only';
}
