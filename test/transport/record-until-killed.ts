import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * Runs a program that records versions and prints the number of each, and kills it at another
 * moment each time.
 *
 * @param args the file of the program and its arguments
 * @param moment milliseconds after the program said `open`
 * @returns the last recorded version; -1 if there is none
 */
export async function recordUntilKilled(
  args: readonly string[],
  kill: number,
  moment: number,
): Promise<number> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  const ended = new Promise<void>((resolve) => {
    child.on('close', () => {
      resolve();
    });
  });
  let timer: NodeJS.Timeout | undefined;
  const strike = (): void => {
    // Every other time git dies first, and the process that started it ends because of that. A git
    // that had just exited dies of nothing, so the next one has to.
    if (kill % 2 === 1) child.kill('SIGKILL');
    else timer = setTimeout(strike, killChildren(child.pid) ? 100 : 1);
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (output.includes('open')) timer ??= setTimeout(strike, moment);
  });
  await ended;
  clearTimeout(timer);
  const lines = output.split('\n').slice(0, -1);
  return Math.max(-1, ...lines.map(Number).filter((number) => !Number.isNaN(number)));
}

/** Whether there were any. */
function killChildren(pid: number | undefined): boolean {
  try {
    const children = readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8')
      .split(' ')
      .filter((one) => /^\d+$/.test(one));
    for (const one of children) process.kill(Number(one), 'SIGKILL');
    return children.length > 0;
  } catch (error) {
    // The process or its git has ended by itself.
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}
