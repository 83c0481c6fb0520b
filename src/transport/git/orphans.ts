import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeThisProcess, isProcessDead } from '../../state-dir/process-identity.js';

/** The variable by which a git and the programs that it starts are known. */
const VARIABLE = 'STARTED_BY';
const CHECK_MS = 50;
/** Time from SIGTERM to SIGKILL. */
const KILL_AFTER_MS = 3_000;

/** For the environment of each git: which process started it, on which repository. */
export function makeStarterVariable(gitDir: string): NodeJS.ProcessEnv {
  return { [VARIABLE]: `${describeThisProcess()} ${gitDir}` };
}

/**
 * Ends programs on this repository whose starter was killed. Most end by themselves, because their
 * input ends. But nothing bounds a packing any more, nor a git-annex whose connection went silent,
 * and git-annex has been seen to wait for ever. Without `/proc` it does nothing.
 *
 * @throws once the signal aborts
 */
export async function endOrphans(gitDir: string, signal: AbortSignal): Promise<void> {
  const killAt = performance.now() + KILL_AFTER_MS;
  let asked: readonly number[] = [];
  for (;;) {
    const orphans = await listOrphans(gitDir);
    if (orphans.length === 0) return;
    const isLast = performance.now() >= killAt;
    for (const pid of orphans)
      if (isLast) signalProcess(pid, 'SIGKILL');
      else if (!asked.includes(pid)) signalProcess(pid, 'SIGTERM');
    // One that the kernel does not end waits for the disk, and nobody can do more.
    if (isLast) return;
    asked = orphans;
    await sleep(CHECK_MS, undefined, { signal, ref: false });
  }
}

async function listOrphans(gitDir: string): Promise<number[]> {
  const orphans: number[] = [];
  for (const name of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    // The environment of another user's process, and of one that has ended, cannot be read.
    const environment = await readFile(`/proc/${name}/environ`, 'utf8').catch(() => '');
    const starter = findStarter(environment, gitDir);
    if (starter !== undefined && (await isProcessDead(starter))) orphans.push(Number(name));
  }
  return orphans;
}

function findStarter(environment: string, gitDir: string): string | undefined {
  const prefix = `${VARIABLE}=`,
    end = ` ${gitDir}`;
  const found = environment.split('\0').find((line) => line.startsWith(prefix));
  return found?.endsWith(end) ? found.slice(prefix.length, -end.length) : undefined;
}

function signalProcess(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has just ended.
  }
}
