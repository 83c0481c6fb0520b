import { judge } from '../planning/judge.js';
import { findStanding } from '../planning/standing.js';
import type { JudgeAt } from '../backends/options.js';
import type { Entry, Path } from '../words.js';

/**
 * Judges what landings set aside, by the entry read afresh after the rename. Bytes that seem current, or that facts cannot tell,
 * are hashed; what cannot be hashed counts as unknown and is kept.
 */
export function createJudging(ledger: { read(path: Path): Promise<Entry | undefined> }): JudgeAt {
  return (at, sentTo) => async (path, found, by, hash) => {
    const entry = await ledger.read(path);
    const where = { onCapturingDisk: entry?.capturedBy === at, surely: true };
    let standing = findStanding(entry, found, where);
    let contentCompared = false;
    if (standing === undefined) {
      const sha256 = await hash();
      contentCompared = sha256 !== undefined;
      standing = sha256 === undefined ? 'unknown' : findStanding(entry, { ...found, sha256 }, where);
    }
    const sent = sentTo(path);
    return judge({ entry, standing: standing ?? 'unknown', by, sent: sent?.version, ruled: sent?.ruled ?? false, contentCompared });
  };
}
