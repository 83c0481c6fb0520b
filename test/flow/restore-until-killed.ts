import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../harness/wait.js';

/** When the process dies, in turns. */
const stages = [
  'at any moment',
  'while bytes arrive',
  'while the old file is kept',
  'after the new file is placed',
] as const;
/** The kills that need no certain stage are spread over so many milliseconds. */
const SPREAD_MS = 600;

/** A process that restores versions once it may. */
export interface RestoringProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<unknown>;
  readOutput(): string;
}

/** Starts the process, which loads its code and waits. The caller ends it. */
export function startRestoring(args: readonly string[], env: NodeJS.ProcessEnv): RestoringProcess {
  const child = spawn(process.execPath, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ended = new Promise((resolve) => child.on('close', resolve));
  return { child, ended, readOutput: () => output };
}

/**
 * Lets the process restore versions, and kills it at another stage each time. It is stopped before
 * that, to see whether it is still at the stage; otherwise it goes on until it is there again.
 *
 * @param dir the sync dir, absolute
 * @param file the file that it restores, absolute
 */
export async function restoreUntilKilled(
  { child, ended, readOutput }: RestoringProcess,
  dir: string,
  file: string,
  kill: number,
): Promise<void> {
  const stage = stages[kill % stages.length];
  const area = join(dir, '.syncmedia', stage === 'while bytes arrive' ? 'tmp' : 'replaced');
  const listed = new Set(await readdir(area));
  const { ino } = await stat(file);
  const moment = Math.random() * SPREAD_MS;
  let since: number | undefined;

  const isAtStage = async (): Promise<boolean> => {
    if (stage === 'while bytes arrive' || stage === 'while the old file is kept')
      return (await readdir(area)).some((name) => !listed.has(name));
    if (stage === 'at any moment' || (await stat(file)).ino !== ino) since ??= performance.now();
    return since !== undefined && performance.now() >= since + moment;
  };

  try {
    child.stdin?.write('go\n');
    await until(() => readOutput().includes('started'), { timeout: 60_000, what: 'a start' });
    await until(
      async () => {
        if (!(await isAtStage())) return false;
        child.kill('SIGSTOP');
        await until(() => isStopped(child.pid), { interval: 1, what: 'a stopped process' });
        if (await isAtStage()) return true;
        child.kill('SIGCONT');
        return false;
      },
      { timeout: 60_000, interval: 1, what: `a process to kill ${String(stage)}` },
    );
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

/** Whether none of its threads runs: one of them may still be in a call to the disk. */
function isStopped(pid: number | undefined): boolean {
  const tasks = `/proc/${String(pid)}/task`;
  return readdirSync(tasks).every((thread) =>
    /\) [Tt] /.test(readFileSync(join(tasks, thread, 'stat'), 'utf8')),
  );
}
