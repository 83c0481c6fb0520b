import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { readdir, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../harness/wait.js';

/** Who dies, in turns. A killed sender ends with it; the others leave a sender that tries again. */
const victims = ['the sender', 'its programs', 'the receiver', 'the receiver at a lock'] as const;

export interface Shared {
  /** The last version that is certainly recorded, and certainly shared; -1 if there is none. */
  readonly recorded: number;
  readonly shared: number;
}

/**
 * Runs a program that records and shares versions. Kills it, its programs, or those that receive on
 * the other host, at another moment each time. If the sender survives, it has to succeed again by
 * itself.
 *
 * @param places the repositories of the receiving host
 * @param moment milliseconds after the program said `open`
 */
export async function shareUntilKilled(
  args: readonly string[],
  places: readonly string[],
  kill: number,
  moment: number,
): Promise<Shared> {
  const victim = victims[kill % victims.length];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ended = new Promise<void>((resolve) => {
    child.on('close', () => {
      resolve();
    });
  });
  try {
    await until(() => output.includes('open'), { timeout: 60_000, what: 'an open history' });
    const begin = performance.now();
    await until(() => performance.now() >= begin + moment, { interval: 1, what: 'the moment' });
    if (victim !== 'the sender') {
      await until(() => strike(victim, child, places), {
        ...{ timeout: 60_000, interval: 1 },
        what: `a strike at ${String(victim)}`,
      });
      const before = output.length;
      await until(
        async () => {
          // The gate takes a young lock for that of a living program. Nobody waits here.
          if (victim !== 'its programs') await makeLocksOld(places);
          return output.slice(before).split('shared').length > 2;
        },
        { timeout: 50_000 },
      ).catch((error: unknown) => {
        throw new Error(`no share after a strike at ${String(victim)}: ${output.slice(-600)}`, {
          cause: error,
        });
      });
    }
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
  const last = (word: string): number => {
    const lines = output.split('\n').slice(0, -1);
    const numbers = lines
      .filter((line) => line.startsWith(`${word} `))
      .map((line) => line.slice(word.length));
    return Math.max(-1, ...numbers.map(Number));
  };
  return { recorded: last('recorded'), shared: last('shared') };
}

/** Whether there was something to kill. */
function strike(
  victim: (typeof victims)[number] | undefined,
  { pid }: ChildProcess,
  places: readonly string[],
): boolean {
  if (victim === 'its programs') return killAll(listChildren(pid));
  const receiving = listProcessesAt(places);
  if (victim === 'the receiver at a lock' && receiving.length > 0) {
    const end = performance.now() + 500;
    while (performance.now() < end && places.flatMap(listLocksOfRefs).length === 0);
    return killAll(listProcessesAt(places)) || killAll(receiving);
  }
  return killAll(receiving);
}

/** Whether there were any. */
export function killAll(pids: readonly number[]): boolean {
  let isStruck = false;
  for (const pid of pids)
    try {
      process.kill(pid, 'SIGKILL');
      isStruck = true;
    } catch (error) {
      // It has ended by itself.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  return isStruck;
}

/** Lists the programs that a process started. */
export function listChildren(pid: number | undefined): number[] {
  try {
    return readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8')
      .split(' ')
      .filter((one) => /^\d+$/.test(one))
      .map(Number);
  } catch {
    return [];
  }
}

/** Lists the processes that work at a place, by their folder or their arguments. */
export function listProcessesAt(places: readonly string[]): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const at = readlinkSync(`/proc/${pid}/cwd`);
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return places.some((place) => at === place || words.includes(place));
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** The command of a process with those of its parents, for a message. */
export function describeProcess(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    const [state = '', parent = ''] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const command = readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8')
      .split('\0')
      .join(' ');
    const own = `process ${String(pid)} (${state}) ${command.slice(0, 200)}`;
    return Number(parent) > 1 ? `${own}, of ${describeProcess(Number(parent))}` : own;
  } catch {
    return `process ${String(pid)}, which has ended`;
  }
}

function listLocksOfRefs(place: string): string[] {
  try {
    return readdirSync(join(place, 'refs/heads'), { recursive: true, encoding: 'utf8' }).filter(
      (name) => name.endsWith('.lock'),
    );
  } catch {
    return [];
  }
}

/** Lists the files of a folder, absolute. */
export async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.map((entry) => join(entry.parentPath, entry.name));
}

/** Lets all locks look as if their owners had gone long ago. */
export async function makeLocksOld(places: readonly string[]): Promise<void> {
  for (const place of places)
    for (const file of await listFiles(place).catch(() => []))
      if (file.endsWith('.lock')) await makeOld(file, 5 * 60);
}

/** Lets a file look as if so many seconds had passed. */
export async function makeOld(file: string, seconds: number): Promise<void> {
  const stats = await stat(file).catch(() => undefined);
  const then = Date.now() / 1000 - seconds;
  if (stats && stats.mtimeMs / 1000 > then) await utimes(file, then, then).catch(() => undefined);
}
