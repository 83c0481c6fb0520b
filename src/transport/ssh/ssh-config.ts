import { createHash, randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SyncMediaError } from '../../model/errors.js';
import { replaceFile } from '../../state-dir/replace-file.js';
import { validateAddress, type SshAddress } from './address.js';
import { listHostKeyAlgorithms, parsePinnedKeys } from './host-key.js';

interface SshConfigSettings {
  readonly stateDir: string;
  readonly identityFile: string;
  /** Limit for the login, and for a silent connection. */
  readonly timeoutMs: number;
  /** An idle master is closed after this. */
  readonly idleMs: number;
}

/** How to reach a host with OpenSSH: `ssh -F configFile -S controlPath alias`. */
export interface SshTarget {
  readonly alias: string;
  readonly configFile: string;
  readonly controlPath: string;
}

/** OpenSSH adds 17 characters while it makes a socket, and a socket's path holds 107. */
const MAX_CONTROL_PATH = 90;

/**
 * Writes OpenSSH's files: for each host a config file and its known host keys, in
 * `<stateDir>/ssh/`, mode 0600. Each host has its own files, because the processes of this
 * machine can know different hosts at the same moment. Values of a database row reach ssh only
 * through these files.
 */
export class SshConfig {
  /**
   * Part of the names of this process's masters. The process ends these, and never another one's.
   */
  private readonly processTag = randomBytes(4).toString('hex');

  constructor(private readonly settings: SshConfigSettings) {
    for (const path of [settings.stateDir, settings.identityFile]) refusePath(path);
  }

  /**
   * Updates the files of one host.
   *
   * @throws BAD_OPTION for a row that no config may hold; HOST_KEY_MISMATCH without pinned keys;
   *   BAD_KEY without an identity
   */
  async write(address: SshAddress): Promise<SshTarget> {
    validateAddress(address);
    const pinnedKeys = parsePinnedKeys(address);
    const alias = `host-${address.id}`;
    const dir = join(this.settings.stateDir, 'ssh');
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await chmod(dir, 0o700);
    const configFile = join(dir, `${alias}.config`);
    const knownHosts = join(dir, `${alias}.known_hosts`);
    const known = pinnedKeys
      .map(({ type, blob }) => `${alias} ${type} ${blob.toString('base64')}\n`)
      .join('');
    await replaceConfigFile(knownHosts, known);
    await replaceConfigFile(
      configFile,
      this.render(address, alias, knownHosts, listHostKeyAlgorithms(pinnedKeys)),
    );
    // Another key, address or pin needs another master. An open one would continue with the old
    // values.
    const identity = await hashIdentity(this.settings.identityFile);
    const masterKey = [alias, address.url, address.sshPort, address.username, known, identity].join(
      '\n',
    );
    const name = createHash('sha256').update(masterKey).digest('hex').slice(0, 16);
    // Each time, since cleaners empty /tmp, and a person may have put the folder right.
    const controlDir = await prepareControlDir(dir);
    return { alias, configFile, controlPath: join(controlDir, `${this.processTag}-${name}`) };
  }

  private render(
    address: SshAddress,
    alias: string,
    knownHosts: string,
    hostKeyAlgorithms: readonly string[],
  ): string {
    const seconds = (ms: number): string => String(Math.max(1, Math.ceil(ms / 1000)));
    const lines = [
      `Host ${alias}`,
      `HostName ${address.url}`,
      `Port ${String(address.sshPort)}`,
      `User ${address.username}`,
      `HostKeyAlias ${alias}`,
      `HostKeyAlgorithms ${hostKeyAlgorithms.join(',')}`,
      `UserKnownHostsFile ${quoteValue(knownHosts)}`,
      'GlobalKnownHostsFile none',
      'StrictHostKeyChecking yes',
      'CheckHostIP no',
      'UpdateHostKeys no',
      `IdentityFile ${quoteValue(this.settings.identityFile)}`,
      'IdentitiesOnly yes',
      'IdentityAgent none',
      'PreferredAuthentications publickey',
      'BatchMode yes',
      'ProxyCommand none',
      'CanonicalizeHostname no',
      'ForwardAgent no',
      'ForwardX11 no',
      'ClearAllForwardings yes',
      'PermitLocalCommand no',
      'RequestTTY no',
      // A banner would look like an error message of rsync.
      'LogLevel ERROR',
      'ConnectionAttempts 1',
      `ConnectTimeout ${seconds(this.settings.timeoutMs)}`,
      `ServerAliveInterval ${seconds(this.settings.timeoutMs / 3)}`,
      'ServerAliveCountMax 3',
      'ControlMaster auto',
      `ControlPersist ${seconds(this.settings.idleMs)}`,
    ];
    return `${lines.join('\n  ')}\n`;
  }
}

/**
 * Makes the folder for control sockets: in the state folder, or below the temporary directory if
 * the path would be too long for a socket.
 */
async function prepareControlDir(dir: string): Promise<string> {
  const socketName = 8 + 1 + 16;
  const own = join(dir, 'control');
  const hash = createHash('sha256').update(dir).digest('hex').slice(0, 12);
  const hashed = `syncmedia-${hash}-${String(process.getuid?.() ?? 0)}`;
  const fitting = [own, join(tmpdir(), hashed), join('/tmp', hashed)].find(
    (path) => Buffer.byteLength(path) + 1 + socketName <= MAX_CONTROL_PATH,
  );
  const path = fitting ?? own;
  await mkdir(path, { recursive: true, mode: 0o700 });
  const stats = await lstat(path);
  if (stats.isDirectory() && stats.uid === process.getuid?.() && (stats.mode & 0o077) === 0)
    return path;
  throw new SyncMediaError(
    'BAD_STATE',
    `${path} must be a directory of this user that nobody else may enter: remove it.`,
  );
}

async function hashIdentity(identityFile: string): Promise<string> {
  try {
    return createHash('sha256')
      .update(await readFile(identityFile))
      .digest('hex');
  } catch (error) {
    throw new SyncMediaError(
      'BAD_KEY',
      `The private key ${identityFile} cannot be read: give its place in SYNCMEDIA_IDENTITY, or ` +
        `make a key pair by \`syncmedia init --generate\`.`,
      { cause: error },
    );
  }
}

/** Replaces a file atomically, if its content differs. */
async function replaceConfigFile(path: string, content: string): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => undefined)) === content) return;
  try {
    await replaceFile(path, content, 0o600);
  } catch (error) {
    throw new SyncMediaError(
      'BAD_STATE',
      `${path} cannot be written: ${error instanceof Error ? error.message : String(error)}.`,
      { cause: error },
    );
  }
}

/** Quotes a path. ssh expands `%` and `${…}` in it, and cannot escape a quote inside quotes. */
function quoteValue(path: string): string {
  return `"${path.replaceAll('%', '%%')}"`;
}

function refusePath(path: string): void {
  if (path.startsWith('/') && !/["\\\r\n\0]|\$\{/.test(path)) return;
  throw new SyncMediaError(
    'BAD_STATE',
    `${JSON.stringify(path)} cannot be told to ssh: give an absolute path without quotes, ` +
      `backslashes and line breaks.`,
  );
}
