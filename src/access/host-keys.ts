import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getErrorMessage, SyncMediaError } from '../model/errors.js';
import { findPublicKey } from '../util/public-key.js';
import { describeInstallation } from '../model/packages.js';

const SCAN_SECONDS = 5;

/**
 * Asks an sshd for its public keys with ssh-keyscan. This does not authenticate the server:
 * compare a fingerprint before pinning a key.
 * @returns key lines without comment, sorted; empty if nothing answers
 * @throws MISSING_PROGRAM, BAD_OPTION for a url that ssh-keyscan would parse as an option
 */
export async function scanHostKeys(url: string, port: number): Promise<string[]> {
  if (url.startsWith('-'))
    throw new SyncMediaError(
      'BAD_OPTION',
      `${JSON.stringify(url)} is no host name: it begins with "-"`,
    );
  const args = [
    '-T',
    String(SCAN_SECONDS),
    '-p',
    String(port),
    '-t',
    'ed25519,ecdsa,rsa',
    '--',
    url,
  ];
  return parseScannedKeys(await runKeyscan(args));
}

/**
 * Reads the public keys of this host's own sshd, on loopback at the registered port. Only if
 * nothing answers there are they read from its key files.
 */
export async function readOwnHostKeys(
  port: number,
  folder = '/etc/ssh',
): Promise<{ keys: string[]; from: 'sshd' | 'files' | 'nowhere' }> {
  for (const url of ['127.0.0.1', '::1']) {
    const keys = await scanHostKeys(url, port);
    if (keys.length > 0) return { keys, from: 'sshd' };
  }
  const keys = await readHostKeyFiles(folder);
  return { keys, from: keys.length > 0 ? 'files' : 'nowhere' };
}

async function readHostKeyFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  const lines = await Promise.all(
    names
      .filter((name) => /^ssh_host_\w+_key\.pub$/.test(name))
      .map((name) => readFile(join(folder, name), 'utf8').catch(() => '')),
  );
  return lines
    .map((line) => findPublicKey(line)?.line)
    .filter((line) => line !== undefined)
    .sort();
}

/**
 * Parses lines of `host type base64`, and comments that begin with `#`. Keys of types that are not
 * pinned (dsa, certificates) are left out.
 */
function parseScannedKeys(output: string): string[] {
  const keys = output
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .map((line) => findPublicKey(line.slice(line.indexOf(' ') + 1))?.line);
  return [...new Set(keys.filter((line) => line !== undefined))].sort();
}

function runKeyscan(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      'ssh-keyscan',
      args,
      { timeout: SCAN_SECONDS * 3000, killSignal: 'SIGKILL', maxBuffer: 256 * 1024 },
      (error, stdout) => {
        // It exits with 1 if no server answered; its output still counts.
        if (error?.code === 'ENOENT')
          reject(
            new SyncMediaError(
              'MISSING_PROGRAM',
              `ssh-keyscan is missing here: ${describeInstallation('ssh')}`,
              { cause: error },
            ),
          );
        else if (error && typeof error.code === 'string')
          reject(
            new SyncMediaError(
              'TRANSFER_FAILED',
              `ssh-keyscan could not be run: ${getErrorMessage(error)}`,
              { cause: error },
            ),
          );
        else resolve(stdout);
      },
    );
  });
}
