import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { killAll, listChildren } from './share-until-killed.js';

/** Who dies, in turns. A git that dies ends the process that started it. */
const victims = ['its programs', 'the process', 'all of them at a lock'] as const;
/** A search for locks blocks this process for so long at most, and is given up after the other. */
const SEARCH_MS = 100,
  GIVE_UP_MS = 5_000;

/**
 * Runs a program that records versions and prints the number of each, and kills it at another
 * moment each time.
 *
 * @param args the file of the program and its arguments
 * @param places the repositories in which it looks for locks
 * @param moment milliseconds after the program said `open`; in the second round, after it has
 *   recorded two versions, so that a busy machine records some as well
 * @returns the last recorded version; -1 if there is none
 */
export async function recordUntilKilled(
  args: readonly string[],
  places: readonly string[],
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
  let end = 0;
  const strike = (): void => {
    switch (victims[kill % victims.length]) {
      case 'its programs':
        // A git that had just exited dies of nothing, so the next one has to.
        timer = setTimeout(strike, killAll(listChildren(child.pid)) ? 100 : 1);
        break;
      case 'all of them at a lock':
        end ||= performance.now() + GIVE_UP_MS;
        if (killAtLock(child, places) || performance.now() > end) child.kill('SIGKILL');
        else timer = setTimeout(strike, 1);
        break;
      default:
        child.kill('SIGKILL');
    }
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    const enough = kill === 1 ? /^open\n\d+\n\d+\n/m : /open/;
    if (enough.test(output)) timer ??= setTimeout(strike, moment);
  });
  await ended;
  clearTimeout(timer);
  const lines = output.split('\n').slice(0, -1);
  return Math.max(-1, ...lines.map(Number).filter((number) => !Number.isNaN(number)));
}

/** Kills the programs, each with its process group, while a lock is there. */
function killAtLock(child: ChildProcess, places: readonly string[]): boolean {
  const end = performance.now() + SEARCH_MS;
  while (performance.now() < end)
    if (places.some(hasLock)) return killAll(listChildren(child.pid).map((pid) => -pid));
  return false;
}

function hasLock(place: string): boolean {
  return ['', 'annex', 'objects/info', 'refs/heads'].some((folder) => {
    try {
      return readdirSync(join(place, folder), {
        recursive: folder === 'refs/heads',
        encoding: 'utf8',
      }).some((name) => name.endsWith('.lock'));
    } catch {
      return false;
    }
  });
}
