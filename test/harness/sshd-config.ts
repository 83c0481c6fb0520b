import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Sshd } from '../../scripts/sshd.mjs';
import type { HostOptions } from './sshd.js';

const run = promisify(execFile);

export interface SshdPlaces {
  port: number;
  hostKeys: string[];
  authorizedKeysFile: string;
  /** `NAME=value` for every process of a login. */
  environment: string[];
}

/** The text of an sshd_config that listens on loopback and accepts its authorized keys. */
export async function configureSshd(
  sshd: Sshd,
  options: HostOptions,
  places: SshdPlaces,
): Promise<string> {
  const lines = [
    `Port ${String(places.port)}`,
    'ListenAddress 127.0.0.1',
    ...places.hostKeys.map((file) => `HostKey ${file}`),
    `AuthorizedKeysFile ${places.authorizedKeysFile}`,
    'PidFile none',
    'LogLevel VERBOSE',
    'AuthenticationMethods publickey',
    'PermitRootLogin prohibit-password',
    // The keys lie below a directory that everyone may write to, /tmp.
    'StrictModes no',
    `UsePAM ${(await isLocked(options)) ? 'yes' : 'no'}`,
    'PrintMotd no',
    'UseDNS no',
    'MaxSessions 100',
    `MaxStartups ${options.maxStartups ?? '100:30:200'}`,
    `SetEnv ${places.environment.map((one) => `"${one}"`).join(' ')}`,
    ...(options.sftp === false ? [] : ['Subsystem sftp internal-sftp']),
    ...sshd.settings,
    // From OpenSSH 9.8 a host that refuses a few logins would shut us out for a while.
    ...((await versionOf(sshd)) >= 9.8 ? ['PerSourcePenalties no'] : []),
    ...(options.settings ?? []),
  ];
  return `${lines.join('\n')}\n`;
}

/** Without PAM sshd refuses whose password is locked, as root's is on some systems. */
async function isLocked({ user }: HostOptions): Promise<boolean> {
  if (process.getuid?.() !== 0 || user) return false;
  const shadow = await readFile('/etc/shadow', 'utf8').catch(() => '');
  return shadow.split('\n').some((line) => line.startsWith('root:!'));
}

async function versionOf({ program }: Sshd): Promise<number> {
  const asked = await run(program, ['-V']).catch(
    (error: unknown) => error as { stderr: string; stdout: string },
  );
  const [, version] = /OpenSSH_(\d+\.\d+)/.exec(asked.stderr + asked.stdout) ?? [];
  return Number(version ?? 0);
}
