import { judgeAside } from '../decisions/resolve-replaced.js';
import type { JudgeAt } from '../transport/options.js';
import type { EventBus } from '../model/events.js';
import { captures } from '../decisions/wants.js';
import type { Judge } from '../replica/disk.js';
import type { Entry, Host, HostId, Path } from '../model/words.js';

/**
 * Creates the function that resolves replaced files. It uses the entry as read after the rename,
 * and hashes bytes where size and date do not identify them.
 * @param hosts the hosts as known now
 */
export function createJudging(
  ledger: { read(path: Path): Promise<Entry | undefined> },
  hosts: { all(): readonly Host[] },
  events?: Pick<EventBus, 'emit'>,
): JudgeAt {
  const capturesAt = (at: HostId): boolean =>
    hosts.all().some((host) => host.id === at && captures(host));
  return (at, sentTo) => {
    const judge: Judge = async (path, found, by, hash) => {
      const aside = {
        entry: await ledger.read(path),
        found,
        at,
        by,
        sent: sentTo(path),
        captures: capturesAt(at),
      };
      return judgeAside(aside) ?? judgeAside(aside, { sha256: await hash() });
    };
    judge.onConflict = (path) => {
      events?.emit('conflict', { path, host: at });
    };
    return judge;
  };
}
