import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostId } from '../model/host.js';
import { readPidNamespace } from '../state-dir/process-identity.js';
import { getGateFolder } from './gate.js';

/** sshd's process gets this long to end after SIGTERM, before SIGKILL. */
const SIGKILL_AFTER_MS = 3_000;

/** A connection of another host, as the gate recorded it. */
export interface RecordedConnection {
  readonly host: HostId;
  /** The record. */
  readonly file: string;
  /** The process of sshd that serves it, and when it began in ticks since boot. */
  readonly pid: number;
  readonly startTime: string;
  /** Where the pid is valid. Empty in a record of an older version. */
  readonly pidNamespace: string;
  /** Whether a process beside sshd ends the connection once its record is removed. */
  readonly isWatched: boolean;
}

/**
 * Ends open connections of other hosts, with everything that runs on them. Removing a key from
 * authorized_keys closes none. The gate records each connection by host id and process id of
 * sshd.
 *
 * In another pid namespace that process cannot be seen. The gate's watcher ends it there within
 * seconds of the removal of its record; without a watcher the connection and its record stay.
 *
 * @param mayStay whether the connections of a host stay open
 * @returns the hosts whose connections were ended
 */
export async function endConnections(
  stateDir: string,
  mayStay: (host: HostId) => boolean,
): Promise<HostId[]> {
  const ended = await Promise.all(
    (await listConnections(stateDir)).map(async (connection) => {
      const { host, file, pid, startTime, isWatched } = connection;
      if (mayStay(host)) return [];
      const isElsewhere = !isVisible(connection);
      if (isElsewhere && !isWatched) return [];
      const found = isElsewhere || (await endProcess(pid, startTime));
      await rm(file, { force: true });
      return found ? [host] : [];
    }),
  );
  return [...new Set(ended.flat())];
}

/** Lists the connections that the gate recorded. Some of them may have ended since. */
export async function listConnections(stateDir: string): Promise<RecordedConnection[]> {
  const folder = join(getGateFolder(stateDir), 'connections');
  const names = await readdir(folder).catch(() => []);
  const read = await Promise.all(
    names.map(async (name): Promise<RecordedConnection[]> => {
      const [, host, pid] = /^([\w-]+)\.(\d+)$/.exec(name) ?? [];
      if (host === undefined) return [];
      const file = join(folder, name);
      const text = await readFile(file, 'latin1').catch(() => '');
      const [startTime = '', pidNamespace = '', watched] = text.split(' ');
      // The gate is writing the record. It reads its rules afterwards, and refuses this host.
      if (startTime === '') return [];
      return [
        { host, file, pid: Number(pid), startTime, pidNamespace, isWatched: watched === 'watched' },
      ];
    }),
  );
  return read.flat();
}

/** Whether this process sees the process of a connection. */
function isVisible({ pidNamespace }: RecordedConnection): boolean {
  return pidNamespace === '' || pidNamespace === readPidNamespace();
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
