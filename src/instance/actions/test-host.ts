import type { InitReport } from '../../api/reports.js';
import type { HostContext } from '../../context/host-context.js';
import { readDatabaseClock } from '../../database/database-clock.js';
import { allowsPath } from '../../decisions/wants.js';
import { checkOthers } from '../../doctor/check-others.js';
import type { Host } from '../../model/host.js';
import { tryHost } from '../../transport/try-host.js';
import { useSsh } from './use-ssh.js';

/**
 * Tries from this host what deliveries to a host need. Nothing connects to a host that waits for
 * approval: its check says so instead.
 */
export async function testHost(
  { config, state, dirs, me, database, registry }: HostContext,
  host: Host,
): Promise<InitReport['checks']> {
  const { timeoutMs } = config,
    { authorizedKeysFile } = state,
    { list } = dirs.current();
  if (host.id === me) {
    const paths = list.map(({ path }) => path).filter((path) => allowsPath(host, path));
    return useSsh(config, state, (ssh) =>
      tryHost({ ssh, host, timeoutMs, authorizedKeysFile, dirs: paths }),
    );
  }
  const now = await readDatabaseClock(database.connection);
  const checks = await useSsh(config, state, (ssh) =>
    checkOthers(ssh.connections, [host], list, now, registry.all()),
  );
  return checks.map(({ state: result, ...check }) => ({ ...check, ok: result !== 'failed' }));
}
