import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostId } from '../model/host.js';
import { getGateFolder } from './gate.js';

/** sshd's process gets this long to end after SIGTERM, before SIGKILL. */
const SIGKILL_AFTER_MS = 3_000;

/**
 * Ends open connections of other hosts, with everything that runs on them. Removing a key from
 * authorized_keys closes none. The gate records each connection by host id and process id of
 * sshd.
 *
 * @param mayStay whether the connections of a host stay open
 * @returns the hosts whose connections were ended
 */
export async function endConnections(
  stateDir: string,
  mayStay: (host: HostId) => boolean,
): Promise<HostId[]> {
  const folder = join(getGateFolder(stateDir), 'connections');
  const names = await readdir(folder).catch(() => []);
  const ended = await Promise.all(
    names.map(async (name) => {
      const [, host, pid] = /^([\w-]+)\.(\d+)$/.exec(name) ?? [];
      if (host === undefined || mayStay(host)) return [];
      const file = join(folder, name);
      const startTime = await readFile(file, 'latin1').catch(() => '');
      // The gate is writing the record. It reads its rules afterwards, and refuses this host.
      if (startTime === '') return [];
      const found = await endProcess(Number(pid), startTime);
      await rm(file, { force: true });
      return found ? [host] : [];
    }),
  );
  return [...new Set(ended.flat())];
}

/**
 * Ends a process only if it began at the recorded time: its id may belong to another process by
 * now.
 */
async function endProcess(pid: number, startTime: string): Promise<boolean> {
  if ((await readStartTime(pid)) !== startTime) return false;
  sendSignal(pid, 'SIGTERM');
  for (
    const deadline = performance.now() + SIGKILL_AFTER_MS;
    performance.now() < deadline;
    await sleep(20)
  ) {
    if ((await readStartTime(pid)) !== startTime) return true;
  }
  sendSignal(pid, 'SIGKILL');
  return true;
}

/**
 * Reads the start time of a process in ticks since boot (proc_pid_stat(5)); undefined if it has
 * ended.
 */
async function readStartTime(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${String(pid)}/stat`, 'latin1').catch(() => '');
  const [state, ...rest] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return state === '' || state === 'Z' || state === 'X' ? undefined : rest[18];
}

function sendSignal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended by itself.
  }
}
