import { connect } from 'node:net';
import { validateAddress, type SshAddress } from './address.js';

/**
 * Whether the host takes a connection at its SSH port within this time. It sends nothing and logs
 * in nowhere.
 *
 * @throws BAD_OPTION
 */
export function takesConnection(
  address: SshAddress,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  validateAddress(address);
  if (signal.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = connect({ host: address.url, port: address.sshPort, timeout: timeoutMs });
    const answer = (isThere: boolean): void => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(isThere);
    };
    const onAbort = (): void => {
      answer(false);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    socket
      .once('connect', () => {
        answer(true);
      })
      .once('timeout', onAbort)
      .on('error', onAbort);
    socket.unref();
  });
}
