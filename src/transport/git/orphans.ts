import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasErrorCode } from '../../model/errors.js';
import { describeThisProcess, isProcessDead } from '../../state-dir/process-identity.js';
import { withTimeout } from '../../util/with-timeout.js';

/** The variable by which a git and the programs that it starts are known. */
const VARIABLE = 'STARTED_BY';
const CHECK_MS = 50;
/** The longest wait for one look at all processes. */
const SCAN_MS = 2_000;
/** Time from SIGTERM to SIGKILL. */
const KILL_AFTER_MS = 3_000;

/** For the environment of each git: which process started it, on which repository. */
export function makeStarterVariable(gitDir: string): NodeJS.ProcessEnv {
  return { [VARIABLE]: `${describeThisProcess()} ${gitDir}` };
}

/**
 * Ends each git and git-annex on this repository whose starter has ended, and their connections.
 * Most end by themselves, because their input ends. But nothing bounds a packing any more, nor a
 * git-annex whose connection went silent, and git-annex has been seen to wait for ever. What else
 * they started goes on, such as a mount that an external remote uses. Without `/proc` nothing is
 * ended.
 *
 * @throws once the signal aborts
 */
export async function endOrphans(gitDir: string, signal: AbortSignal): Promise<void> {
  const killAt = performance.now() + KILL_AFTER_MS;
  const asked = new Set<number>();
  for (;;) {
    const isLast = performance.now() >= killAt;
    const count = await withTimeout(
      signalOrphans(gitDir, isLast, asked),
      SCAN_MS,
      'the list of processes',
    ).catch((error: unknown) => {
      // The kernel may not answer about a process that waits for a dead disk.
      if (hasErrorCode(error, 'TIMED_OUT')) return 0;
      throw error;
    });
    // One that SIGKILL does not end waits for the disk, and nobody can do more.
    if (count === 0 || isLast) return;
    await sleep(CHECK_MS, undefined, { signal, ref: false });
  }
}

/** Signals each orphan as soon as it is found, before its pid is reused. Returns their number. */
async function signalOrphans(gitDir: string, isLast: boolean, asked: Set<number>): Promise<number> {
  let count = 0;
  for (const name of await readdir('/proc').catch(() => [])) {
    const pid = Number(name);
    if (!/^\d+$/.test(name) || pid === process.pid || !(await isOrphan(pid, gitDir))) continue;
    count++;
    if (isLast) signalProcess(pid, 'SIGKILL');
    else if (!asked.has(pid)) signalProcess(pid, 'SIGTERM');
    asked.add(pid);
  }
  return count;
}

async function isOrphan(pid: number, gitDir: string): Promise<boolean> {
  // The files of a process that has ended, and the environment of another user's, cannot be read.
  const read = (file: string): Promise<string> =>
    readFile(`/proc/${String(pid)}/${file}`, 'utf8').catch(() => '');
  if (!isOurProgram(pid, await read('stat'))) return false;
  const starter = findStarter(await read('environ'), gitDir);
  return starter !== undefined && (await isProcessDead(starter));
}

/**
 * Whether it is a git, a git-annex, or their connection. Each git begins a session, in which its
 * connections stay; a daemon begins one of its own.
 */
function isOurProgram(pid: number, stat: string): boolean {
  const end = stat.lastIndexOf(')');
  const name = stat.slice(stat.indexOf('(') + 1, end);
  const [, , , session] = stat.slice(end + 2).split(' ');
  return /^git\b/.test(name) || (/^(ssh|rsync)$/.test(name) && session !== String(pid));
}

function findStarter(environment: string, gitDir: string): string | undefined {
  const prefix = `${VARIABLE}=`;
  const found = environment.split('\0').find((line) => line.startsWith(prefix));
  // A directory may contain spaces. The identity of a process does not.
  const [starter, ...dir] = found?.slice(prefix.length).split(' ') ?? [];
  return dir.join(' ') === gitDir ? starter : undefined;
}

function signalProcess(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has just ended.
  }
}
