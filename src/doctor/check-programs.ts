import { execFile } from 'node:child_process';
import { access, readFile, readdir } from 'node:fs/promises';
import { isVersionAtLeast, parseRsyncVersion } from '../transport/rsync/version.js';
import type { DoctorCheck } from '../api/reports.js';
import { runCheck, reportFailed, reportInfo, reportOk, type CheckResult } from './check.js';
import { describeInstallation } from '../model/packages.js';

const oldestNode: [number, number, number] = [20, 19, 0];
/** The first rsync without CVE-2024-12084 to 12088 and CVE-2024-12747. */
const fixedRsync: [number, number, number] = [3, 4, 0];
/** With lower limits sshd refuses some of the hosts that connect at the same time. */
const minStartups = 10,
  minSessions = 4;

/** Checks the programs on this machine. */
export async function checkPrograms(): Promise<DoctorCheck[]> {
  return Promise.all([
    runCheck('node', '', () =>
      isVersionAtLeast(process.versions.node, oldestNode)
        ? reportOk(`Node ${process.versions.node}`)
        : reportFailed(
            `Node ${process.versions.node} is too old`,
            `install Node ${oldestNode.join('.')} or newer`,
          ),
    ),
    runCheck('rsync', describeInstallation('rsync'), async () =>
      assessRsync(parseRsyncVersion((await runProgram('rsync', ['--version'])).stdout)),
    ),
    runCheck('ssh', describeInstallation('ssh'), async () => {
      const { stderr } = await runProgram('ssh', ['-V']);
      const version = /^OpenSSH_\S+/.exec(stderr)?.[0];
      return version === undefined
        ? reportFailed(
            "the ssh on the PATH is not OpenSSH's, or missing",
            describeInstallation('ssh'),
          )
        : reportOk(version);
    }),
    runCheck('sshd', 'look into /etc/ssh/sshd_config', checkSshd),
  ]);
}

/**
 * Checks an rsync version. An old one works, and distributions backport fixes without a new
 * version number, so known vulnerabilities are only reported.
 */
export function assessRsync(version: string | undefined): CheckResult {
  if (version === undefined)
    return reportFailed(
      'rsync is missing, or another program has that name',
      describeInstallation('rsync'),
    );
  if (isVersionAtLeast(version, fixedRsync)) return reportOk(`rsync ${version}`);
  return reportInfo(
    `rsync ${version} is older than ${fixedRsync.join('.')}, before which CVE-2024-12084 to ` +
      `12088 and CVE-2024-12747 are open, unless the distribution has mended them under the old ` +
      `number`,
    'see whether security updates are installed (`apt-get upgrade rsync`; the changelog of the ' +
      'package names the CVEs)',
  );
}

async function checkSshd(): Promise<CheckResult> {
  const text = await readSshdConfig();
  if (text === undefined)
    return reportInfo(
      "what this machine's sshd allows at once cannot be read by this user",
      'run `sshd -T | grep -i max` as root: MaxStartups should be 10 or more, MaxSessions 4 or ' +
        'more',
    );
  const startups = Number(/^\s*maxstartups\s+(\d+)/im.exec(text)?.[1] ?? 10);
  const sessions = Number(/^\s*maxsessions\s+(\d+)/im.exec(text)?.[1] ?? 10);
  const summary = `MaxStartups ${String(startups)}, MaxSessions ${String(sessions)}`;
  if (startups >= minStartups && sessions >= minSessions) return reportOk(summary);
  return reportFailed(
    `${summary}: hosts that log in together are turned away`,
    `set MaxStartups to ${String(minStartups)}:30:100 and MaxSessions to 10 in sshd_config, ` +
      `and reload sshd`,
  );
}

/**
 * Reads the effective configuration with `sshd -T`, which requires root; otherwise the
 * configuration files. Undefined where this user can read neither.
 */
async function readSshdConfig(): Promise<string | undefined> {
  for (const sshd of ['/usr/sbin/sshd', '/usr/local/sbin/sshd']) {
    if (
      !(await access(sshd).then(
        () => true,
        () => false,
      ))
    )
      continue;
    const { code, stdout } = await runProgram(sshd, ['-T']);
    if (code === 0) return stdout;
  }
  const folder = '/etc/ssh/sshd_config.d';
  const names = (await readdir(folder).catch(() => []))
    .filter((name) => name.endsWith('.conf'))
    .sort()
    .map((name) => `${folder}/${name}`);
  const texts = await Promise.all(
    [...names, '/etc/ssh/sshd_config'].map((file) => readFile(file, 'utf8').catch(() => undefined)),
  );
  const found = texts.filter((text) => text !== undefined);
  return found.length > 0 ? found.join('\n') : undefined;
}

function runProgram(
  program: string,
  args: readonly string[],
): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: 10_000, maxBuffer: 256 * 1024 }, (error, stdout, stderr) => {
      resolve({ code: error ? 1 : 0, stdout, stderr });
    });
  });
}
