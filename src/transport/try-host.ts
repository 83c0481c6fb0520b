import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getErrorMessage, SyncMediaError } from '../model/errors.js';
import { areas, newName } from '../replica/areas.js';
import { writeMarker } from '../replica/marker.js';
import type { SshConnection } from './ssh/connection.js';
import type { Ssh } from './ssh/ssh.js';
import type { Host } from '../model/host.js';
import type { Path } from '../model/path.js';
import { throwFailure } from './to-failure.js';
import { findHostFailure, summariseStderr } from './rsync/answers.js';
import { makePutCommand } from './rsync/commands.js';
import { RsyncProcess } from './rsync/rsync-process.js';
import { findRemoteRsyncVersion, findRsyncVersion } from './rsync/version.js';
import { writeFlushedFile } from './rsync/small-files/put.js';
import { describeInstallation } from '../model/packages.js';

/** The result of one check, with a remedy if it failed. */
export interface HostCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly message: string;
  readonly remedy?: string;
}

interface HostToTry {
  readonly ssh: Ssh;
  readonly host: Host;
  readonly timeoutMs: number;
}

const CONTENT = Buffer.from('syncmedia tries this host\n');

/**
 * Logs in to a host like every other host will. Puts one file by SFTP and one by rsync into the
 * working folder of its first sync dir, and removes both. After a failed login the other checks
 * are skipped.
 *
 * @param dirs sync dirs that are marked on that host
 */
export async function tryHost({
  ssh,
  host,
  timeoutMs,
  dirs,
  authorizedKeysFile,
}: HostToTry & { dirs: readonly Path[]; authorizedKeysFile: string }): Promise<HostCheck[]> {
  const checks: HostCheck[] = [];
  const check = async (name: string, run: () => Promise<string>): Promise<void> => {
    try {
      checks.push({ name, ok: true, message: await run() });
    } catch (error) {
      checks.push({
        name,
        ok: false,
        message: getErrorMessage(error),
        remedy: findRemedy(error, host, authorizedKeysFile),
      });
    }
  };
  const dir = dirs[0];
  await check('ssh login', () =>
    ssh.connections.use(host, () =>
      Promise.resolve(`logged in as ${host.username} at ${host.url} port ${String(host.sshPort)}`),
    ),
  );
  if (checks.some(({ ok }) => !ok) || dir === undefined) return checks;
  const folder = `${host.rootPath.replace(/\/+$/, '')}/${dir}/${areas.tmp}`;
  await check('sftp put', () =>
    ssh.connections.use(host, (connection) => putBySftp(connection, folder)),
  );
  await check('rsync put', () =>
    ssh.connections.use(host, (connection) => putByRsync(ssh, connection, host, folder, timeoutMs)),
  );
  return checks;
}

/**
 * Marks the sync dirs of a passive host, over SFTP.
 *
 * @throws BAD_SYNC_DIR if one is missing; BAD_STATE if one belongs to another host; what the
 *   connection throws
 */
export async function markRemoteDirs(
  { ssh, host }: HostToTry,
  dirs: readonly Path[],
): Promise<void> {
  await ssh.connections.use(host, async ({ disk }) => {
    for (const dir of dirs)
      await writeMarker(disk, `${host.rootPath.replace(/\/+$/, '')}/${dir}`, host.id, dir);
  });
}

async function putBySftp({ sftp, disk }: SshConnection, folder: string): Promise<string> {
  const file = `${folder}/${newName()}`;
  try {
    await writeFlushedFile(sftp, file, { bytes: CONTENT, mtime: 1, mode: 0o600 });
  } finally {
    await disk.remove(file);
  }
  return `put a file into ${folder}`;
}

async function putByRsync(
  ssh: Ssh,
  connection: SshConnection,
  host: Host,
  folder: string,
  timeoutMs: number,
): Promise<string> {
  const [localVersion, remoteVersion] = await Promise.all([
    findRsyncVersion(),
    findRemoteRsyncVersion(connection, host),
  ]);
  const rsyncTarget = {
    target: await ssh.target(host),
    localVersion,
    remoteVersion,
    timeoutMs,
    bandwidthLimit: undefined,
  };
  const from = await mkdtemp(join(ssh.stateDir, 'try-host-'));
  const name = newName();
  try {
    await writeFile(join(from, name), CONTENT);
    const put = new RsyncProcess(makePutCommand(rsyncTarget, join(from, name), folder), {
      signal: new AbortController().signal,
      silenceMs: timeoutMs,
    });
    const exit = await put.readAll(() => undefined);
    const failure = findHostFailure(exit, host);
    if (failure !== undefined) throwFailure(failure);
    const arrived = await connection.disk.stat(`${folder}/${name}`);
    if (exit.code !== 0 || arrived?.size !== CONTENT.length)
      throw new SyncMediaError(
        'TRANSFER_FAILED',
        `rsync did not put a file into ${folder}: ${summariseStderr(exit.stderr)}`,
      );
    return `put a file into ${folder} (rsync ${localVersion} here, ${remoteVersion} there)`;
  } finally {
    await rm(from, { recursive: true, force: true });
    await connection.disk.remove(`${folder}/${name}`);
  }
}

function findRemedy(error: unknown, host: Host, authorizedKeysFile: string): string {
  const at = `${host.url} port ${String(host.sshPort)}`;
  switch (error instanceof SyncMediaError ? error.code : undefined) {
    case 'AUTH_FAILED':
      return (
        `sshd at ${at} must read ${authorizedKeysFile} for ${host.username}: check ` +
        `AuthorizedKeysFile and PubkeyAuthentication in its sshd_config, and that the file and ` +
        `its folders are writable by ${host.username} alone`
      );
    case 'HOST_UNREACHABLE':
      return (
        `start sshd on that host, or register the port it listens on (--port); registered ` +
        `is ${at}`
      );
    case 'TIMED_OUT':
      return (
        `look at what keeps sshd at ${at} from answering: a firewall, its UseDNS, or what ` +
        `the user's shell runs when it starts`
      );
    case 'HOST_KEY_MISMATCH':
      return 'run `syncmedia init` on that host again, if it is that host which answers there';
    case 'BAD_KEY':
      return (
        'make a key pair without a passphrase by `syncmedia init --generate`, or name another ' +
        'private key in SYNCMEDIA_IDENTITY'
      );
    case 'NO_SFTP':
      return `add "Subsystem sftp internal-sftp" to the sshd_config at ${at}`;
    case 'MISSING_PROGRAM':
      return describeInstallation('rsync');
    case 'PERMISSION_DENIED':
      return `let ${host.username} own the sync dirs below ${host.rootPath}`;
    case 'DISK_FULL':
      return `make room on the disk of ${host.rootPath}`;
    default:
      return `look at the log of the sshd at ${at}`;
  }
}
