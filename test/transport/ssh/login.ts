import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { SshAddress } from '../../../src/transport/ssh/address.js';
import { startHost, type HostOptions, type TestHost } from '../../harness/sshd.js';
import { makeTestDir } from '../../harness/tmp.js';

const run = promisify(execFile);

/** A host and a key that it accepts, in a directory of its own. */
export interface Login {
  readonly dir: string;
  readonly identityFile: string;
  readonly there: TestHost;
  readonly address: SshAddress;
  close(): Promise<void>;
}

export async function makeLogin(options: Partial<HostOptions> = {}): Promise<Login> {
  const dir = await makeTestDir();
  const there = await startHost({ name: 'b', ...options });
  const identityFile = join(dir.path, 'id_ed25519');
  await makeKey(identityFile);
  await there.trust(await readFile(`${identityFile}.pub`, 'utf8'));
  const address = {
    id: 'host-b',
    url: there.hostname,
    sshPort: there.port,
    username: there.username,
    hostKeys: there.hostPublicKeys,
  };
  const close = async (): Promise<void> => {
    await there.close();
    await dir.remove();
  };
  return { dir: dir.path, identityFile, there, address, close };
}

export async function makeKey(file: string, passphrase = '', type = 'ed25519'): Promise<string> {
  await run('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-C', '', '-f', file]);
  return (await readFile(`${file}.pub`, 'utf8')).trim();
}
