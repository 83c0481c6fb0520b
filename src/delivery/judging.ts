import { judgeAside } from '../planning/judge.js';
import type { JudgeAt } from '../backends/options.js';
import type { EventBus } from '../events.js';
import type { Entry, Path } from '../words.js';

/** Judges what landings set aside, by the entry read afresh after the rename; bytes that facts cannot tell are hashed. */
export function createJudging(
  ledger: { read(path: Path): Promise<Entry | undefined> }, events?: Pick<EventBus, 'emit'>,
): JudgeAt {
  return (at, sentTo) => async (path, found, by, hash) => {
    const aside = { entry: await ledger.read(path), found, at, by, sent: sentTo(path) };
    const verdict = judgeAside(aside) ?? judgeAside(aside, { sha256: await hash() });
    if (verdict === 'conflict') events?.emit('conflict', { path, host: at });
    return verdict;
  };
}
