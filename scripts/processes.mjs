// Finding and ending processes that were started for the demo or a test, down to the last
// grandchild.
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** @typedef {{ pid: number, parent: number, command: string }} Running */

/** @returns {Promise<Running[]>} every process of the machine that is not a zombie */
export async function listProcesses() {
  const pids = await listProc();
  // Small Linux images have no ps; other systems have no /proc.
  const found =
    pids.length > 0
      ? await Promise.all(pids.map(readProc))
      : (await runPs()).split('\n').map(parsePs);
  return found.filter((one) => one !== undefined);
}

async function listProc() {
  return (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
}

/**
 * @param {string} pid @returns {Promise<Running | undefined>} undefined where it is gone, or a
 *   zombie
 */
async function readProc(pid) {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // pid (name) state parent …: the name may hold anything, a `)` too.
    const match = /^\d+ \((.*)\) (\S) (\d+) /s.exec(stat);
    if (!match || match[2] === 'Z' || match[2] === 'X') return undefined;
    const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').join(' ').trim();
    return { pid: Number(pid), parent: Number(match[3]), command: command || `[${match[1]}]` };
  } catch {
    return undefined;
  }
}

async function runPs() {
  return (await run('ps', ['-A', '-o', 'pid=,ppid=,stat=,args='], { maxBuffer: 64 << 20 })).stdout;
}

/** @param {string} line @returns {Running | undefined} */
function parsePs(line) {
  const match = /^\s*(\d+)\s+(\d+)\s+(\S+)\s*(.*)$/.exec(line);
  if (!match || match[3]?.startsWith('Z') || match[4]?.startsWith('ps -A -o pid='))
    return undefined;
  return { pid: Number(match[1]), parent: Number(match[2]), command: match[4] ?? '' };
}

/**
 * @param {number[]} roots
 * @returns {Promise<Running[]>} these processes as far as they run, and all that descend from them
 */
export async function listTree(roots) {
  const all = await listProcesses();
  const wanted = new Set(roots);
  for (let grew = true; grew;) {
    grew = false;
    for (const { pid, parent } of all) {
      if (wanted.has(parent) && !wanted.has(pid)) grew = Boolean(wanted.add(pid));
    }
  }
  return all.filter(({ pid }) => wanted.has(pid));
}

/**
 * Processes that carry a mark in their environment: finds also what detached itself from its
 * parent, as a multiplexing ssh does. Looks into /proc, so it finds nothing where there is none,
 * nor other users' processes.
 *
 * @param {string} mark a whole `NAME=value`
 * @returns {Promise<number[]>}
 */
export async function listMarked(mark) {
  const found = await Promise.all(
    (await listProc()).map(async (pid) => {
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
      return environment.split('\0').includes(mark) ? Number(pid) : undefined;
    }),
  );
  return found.filter((pid) => pid !== undefined);
}

/**
 * Ends processes and their descendants: asks first, and after `patience` no longer asks. Resolves
 * when none is left.
 *
 * @param {number[]} roots
 * @param {{ mark?: string, patience?: number }} [options] mark: ends whatever carries it, too;
 *   patience in ms (1,000)
 * @returns {Promise<void>}
 */
export async function endProcesses(roots, { mark, patience = 1000 } = {}) {
  // Remembered, because what loses its parent on the way is no longer found below it.
  const known = new Set(roots);
  const start = performance.now();
  for (let wait = 5; ; wait = Math.min(wait * 2, 100)) {
    const left = await listTree([...known, ...(mark ? await listMarked(mark) : [])]);
    if (left.length === 0) return;
    const passed = performance.now() - start;
    if (passed > patience + 5000)
      throw new Error(`these processes do not end: ${JSON.stringify(left)}`);
    for (const { pid } of left) {
      if (passed > patience || !known.has(pid) || wait === 5)
        signal(pid, passed > patience ? 'SIGKILL' : 'SIGTERM');
      known.add(pid);
    }
    await sleep(wait);
  }
}

/** @param {number} pid @param {NodeJS.Signals} name */
function signal(pid, name) {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ESRCH') throw error;
  }
}
