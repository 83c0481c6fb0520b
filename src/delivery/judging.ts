import { judge } from '../planning/judge.js';
import { findStanding, haveSameFacts, type FoundStanding } from '../planning/standing.js';
import type { JudgeAt } from '../backends/options.js';
import type { Entry, HostId, Path, Seen } from '../words.js';

/**
 * Judges what landings set aside, by the entry read afresh after the rename. Bytes that seem current, or that facts cannot tell,
 * are hashed. What cannot be hashed, a file too large to be read over the network, is never taken for current; an old version it may
 * be by its facts, since the trash keeps it: as a conflict every large file that is replaced would wait for a person.
 */
export function createJudging(
  ledger: { read(path: Path): Promise<Entry | undefined> }, onConflict: (path: Path, host: HostId) => void = () => undefined,
): JudgeAt {
  return (at, sentTo) => async (path, found, by, hash) => {
    const entry = await ledger.read(path);
    const where = { onCapturingDisk: entry?.capturedBy === at, surely: true };
    let standing = findStanding(entry, found, where);
    let contentCompared = false;
    if (standing === undefined) {
      const sha256 = await hash();
      contentCompared = sha256 !== undefined;
      standing = sha256 === undefined ? standUnhashed(entry, found) : findStanding(entry, { ...found, sha256 }, where);
    }
    const sent = sentTo(path);
    const verdict = judge({ entry, standing: standing ?? 'unknown', by, sent: sent?.version, ruled: sent?.ruled ?? false, contentCompared });
    if (verdict === 'conflict') onConflict(path, at);
    return verdict;
  };
}

function standUnhashed(entry: Entry | undefined, found: Seen): FoundStanding {
  const versions = entry?.superseded.filter((old) => haveSameFacts(old, found)) ?? [];
  if (entry?.facts && haveSameFacts(entry.facts, found)) return 'unknown';
  return versions.length === 0 ? 'unknown' : versions.every(({ lost }) => !lost) ? 'old' : 'lost';
}
