import { execFile } from 'node:child_process';
import { SyncMediaError } from '../../model/errors.js';
import { formatAddress, type SshAddress } from '../ssh/address.js';
import type { SshConnection } from '../ssh/connection.js';
import { describeInstallation } from '../../model/packages.js';

/** Whether `version`, such as `3.2.7` or `3.3.0pre1`, is at least `wanted`. */
export function isVersionAtLeast(
  version: string,
  wanted: readonly [number, number, number],
): boolean {
  const parts = (/^(\d+)\.(\d+)\.(\d+)/.exec(version) ?? []).slice(1).map(Number);
  for (const [index, part] of wanted.entries()) {
    const have = parts[index] ?? 0;
    if (have !== part) return have > part;
  }
  return true;
}

/** Parses a version such as `3.2.7`; undefined if rsync did not give the answer. */
export function parseRsyncVersion(answer: string): string | undefined {
  return /^rsync +version v?(\d+\.\d+\.\d+\S*)/.exec(answer)?.[1];
}

/**
 * Returns the version of this machine's rsync.
 *
 * @throws MISSING_PROGRAM, also if another program has that name
 */
export async function findRsyncVersion(): Promise<string> {
  const answer = await new Promise<string>((resolve) => {
    execFile('rsync', ['--version'], { timeout: 10_000 }, (error, stdout) => {
      resolve(error ? '' : stdout);
    });
  });
  const version = parseRsyncVersion(answer);
  if (version !== undefined) return version;
  throw new SyncMediaError(
    'MISSING_PROGRAM',
    `rsync is missing on this host: ${describeInstallation('rsync')}.`,
  );
}

/**
 * Returns the version of the other host's rsync.
 *
 * @throws MISSING_PROGRAM, also if another program has that name; what the connection throws
 */
export async function findRemoteRsyncVersion(
  connection: SshConnection,
  address: SshAddress,
): Promise<string> {
  const { stdout } = await connection.run('rsync --version');
  const version = parseRsyncVersion(stdout);
  if (version !== undefined) return version;
  throw new SyncMediaError(
    'MISSING_PROGRAM',
    `rsync is missing on ${formatAddress(address)}, or not on the PATH of a login without a ` +
      `terminal: ${describeInstallation('rsync', 'there')}.`,
  );
}
