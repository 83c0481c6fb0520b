import { resolveReplacedBytes } from '../decisions/resolve-replaced.js';
import type { CreateResolver } from '../transport/options.js';
import type { EventBus } from '../model/events.js';
import { capturesOwnFiles } from '../decisions/wants.js';
import type { ReplacedFileResolver } from '../replica/disk.js';
import type { Entry } from '../model/entry.js';
import type { Host, HostId } from '../model/host.js';
import type { Path } from '../model/path.js';

/**
 * Creates the function that resolves replaced files. It uses the entry as read after the rename,
 * and hashes bytes where size and date do not identify them.
 * @param hosts the hosts as known now
 */
export function createReplacedFileResolver(
  ledger: { read(path: Path): Promise<Entry | undefined> },
  hosts: { all(): readonly Host[] },
  events?: Pick<EventBus, 'emit'>,
): CreateResolver {
  const capturesAt = (at: HostId): boolean =>
    hosts.all().some((host) => host.id === at && capturesOwnFiles(host));
  return (at, findIncoming) => {
    const resolver: ReplacedFileResolver = async (path, found, by, hash) => {
      const replacedFile = {
        entry: await ledger.read(path),
        info: found,
        at,
        by,
        sent: findIncoming(path),
        captures: capturesAt(at),
      };
      return (
        resolveReplacedBytes(replacedFile) ??
        resolveReplacedBytes(replacedFile, { sha256: await hash() })
      );
    };
    resolver.onConflict = (path) => {
      events?.emit('conflict', { path, host: at });
    };
    resolver.onUnresolved = (folder, error) => {
      const where = hosts.all().find(({ id }) => id === at)?.hostname ?? at;
      events?.emit('failed', { doing: `resolving replaced files in ${folder} of ${where}`, error });
    };
    return resolver;
  };
}
