import { parsePublicKey } from '../util/public-key.js';

/**
 * Formats the line of authorized_keys that lets a host log in. The key is parsed and encoded
 * anew, and the host id is the comment.
 * @param command forced command that sshd runs for every request of that host, without `"` and
 *   `\\`; undefined: the key gives a shell
 * @throws BAD_KEY
 */
export function formatKeyLine(host: { id: string; publicKey: string }, command?: string): string {
  const { line } = parsePublicKey(host.publicKey, `the key of host ${host.id}`);
  const options = command === undefined ? 'restrict' : `restrict,command="${command}"`;
  return `${options} ${line} ${host.id.replace(/[^\w.-]/g, '_')}`;
}
