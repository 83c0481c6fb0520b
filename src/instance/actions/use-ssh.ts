import type { Config } from '../../config/config.js';
import type { HostState } from '../../state-dir/state.js';
import { Ssh } from '../../transport/ssh/ssh.js';

const idleMs = 10_000;

/** Opens separate connections for one action, because this process may have no delivery queues. */
export async function useSsh<T>(
  { stateDir, timeoutMs }: Config,
  state: HostState | undefined,
  work: (ssh: Ssh) => Promise<T>,
): Promise<T> {
  const ssh = new Ssh({ stateDir, identityFile: state?.identityFile ?? '', timeoutMs, idleMs });
  try {
    return await work(ssh);
  } finally {
    await ssh.close();
  }
}
