import type { TestHost } from './sshd.js';

/** The command `init` of a host that syncs `uploads`. */
export function listInitArgs(host: TestHost): string[] {
  return [
    'init',
    '-u',
    host.username,
    '-k',
    host.publicKeyFile,
    '-p',
    String(host.port),
    '--hostname',
    host.name,
    '--url',
    host.hostname,
    '--root',
    host.root,
    '--sync-dirs',
    'uploads',
  ];
}
