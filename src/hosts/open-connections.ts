import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostId } from '../words.js';
import { gateFolder } from './gate.js';

/** From asking sshd's process to end until it is not asked any more. */
const PATIENCE_MS = 3_000;

/**
 * Ends the connections of other hosts that are open here, with everything that runs on them. The gate records them, under the host's
 * id and the process of sshd that holds the connection; a key that is taken out of authorized_keys closes none.
 *
 * @param mayStay whose connections stay open
 * @returns the hosts whose connections were ended
 */
export async function endConnections(stateDir: string, mayStay: (host: HostId) => boolean): Promise<HostId[]> {
  const folder = join(gateFolder(stateDir), 'connections');
  const names = await readdir(folder).catch(() => []);
  const ended = await Promise.all(names.map(async (name) => {
    const [, host, pid] = /^([\w-]+)\.(\d+)$/.exec(name) ?? [];
    if (host === undefined || mayStay(host)) return [];
    const file = join(folder, name);
    const began = await readFile(file, 'latin1').catch(() => '');
    // It is being written: the gate then reads its rules, and finds that this host is not in them.
    if (began === '') return [];
    const found = await endProcess(Number(pid), began);
    await rm(file, { force: true });
    return found ? [host] : [];
  }));
  return [...new Set(ended.flat())];
}

/** Only that very process: its number may have been given to another since. */
async function endProcess(pid: number, began: string): Promise<boolean> {
  if ((await readBegin(pid)) !== began) return false;
  signal(pid, 'SIGTERM');
  for (const deadline = performance.now() + PATIENCE_MS; performance.now() < deadline; await sleep(20)) {
    if ((await readBegin(pid)) !== began) return true;
  }
  signal(pid, 'SIGKILL');
  return true;
}

/** When a process began, in ticks since the boot (proc_pid_stat(5)); undefined where it is gone. */
async function readBegin(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${String(pid)}/stat`, 'latin1').catch(() => '');
  const [state, ...rest] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return state === '' || state === 'Z' || state === 'X' ? undefined : rest[18];
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended by itself.
  }
}
