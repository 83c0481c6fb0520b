import { readFileSync, readlinkSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { hostname } from 'node:os';

/**
 * What names a process for all time. A pid alone does not: containers of one machine give the same pids, a container that starts again
 * gets its old ones, and even the number of its pid namespace is used again.
 */
interface ProcessIdentity {
  /** Another one at each start of each machine (Linux); elsewhere the host name stands for it. */
  readonly bootId: string;
  readonly pid: number;
  readonly hostname: string;
  /** Where the pid, and the start time, mean something. */
  readonly pidNamespace: string;
  readonly timeNamespace: string;
  /** Field 22 of `/proc/PID/stat`: clock ticks since the machine started. Empty where this process cannot read it. */
  readonly startTime: string;
}

/** A Unix socket that a process listens at for as long as it works. */
export interface ListeningSocket {
  readonly path: string;
  /** Device and inode of the file that the process made there, as `readInode` gives them. */
  readonly inode: string;
}

const probeMs = 1_000;
/** Looked up at its first use; none of it changes while this process lives. */
let own: ProcessIdentity | undefined;

/** This process as one word, to be stored. The boot id comes first, up to a colon. */
export function describeProcess(): string {
  const { bootId, pid, hostname: host, pidNamespace, timeNamespace, startTime } = own ??= identifyProcess();
  return [bootId, String(pid), host, pidNamespace, timeNamespace, startTime].map((field) => encodeURIComponent(field)).join(':');
}

/** A described process for people: `process 6 on web1`. */
export function nameProcess(described: string): string {
  const [, pid = '?', host = ''] = described.split(':');
  return `process ${pid}${parseIdentity(described) ? ` on ${decodeURIComponent(host)}` : ''}`;
}

/**
 * Whether the process that is described has certainly ended. False where that cannot be told from here: a description of another machine, of
 * an earlier boot, of a container that cannot be looked into, or of an older version; on a platform without `/proc`.
 *
 * @param socket the process closes it only after it has stopped working; this tells across the pid namespaces of one kernel
 */
export async function isProcessDead(described: string, socket?: ListeningSocket): Promise<boolean> {
  const other = parseIdentity(described), me = own ??= identifyProcess();
  // A host name that stands for the boot id may be that of another machine.
  if (!other || other.bootId !== me.bootId || me.bootId === me.hostname) return false;
  return hasEnded(other, me) || (socket !== undefined && await isDeserted(socket));
}

/** Device and inode of a file; undefined where there is none. */
export async function readInode(path: string): Promise<string | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found && `${String(found.dev)}:${String(found.ino)}`;
}

function hasEnded(other: ProcessIdentity, me: ProcessIdentity): boolean {
  const isVisible = other.startTime !== '' && me.startTime !== '' && me.pidNamespace !== '' && other.hostname === me.hostname
    && other.pidNamespace === me.pidNamespace && other.timeNamespace === me.timeNamespace;
  if (!isVisible) return false;
  const now = readProcess(other.pid);
  // `/proc` may hide the processes of other users (hidepid); a signal tells whether there is one.
  if (!now) return !canBeSignalled(other.pid);
  return now.startTime !== other.startTime || now.hasExited;
}

/** Whether nobody listens at the socket any more. The kernel answers for a process that stands still. */
async function isDeserted({ path, inode }: ListeningSocket): Promise<boolean> {
  // A copied state folder has another file: what it says is not about that process.
  if (await readInode(path) !== inode) return false;
  return new Promise<boolean>((resolve) => {
    const socket = connect(path);
    const answer = (deserted: boolean): void => { socket.destroy(); resolve(deserted); };
    socket.setTimeout(probeMs, () => { answer(false); });
    socket.on('connect', () => { answer(false); });
    socket.on('error', (error: NodeJS.ErrnoException) => { answer(error.code === 'ECONNREFUSED'); });
  });
}

function identifyProcess(): ProcessIdentity {
  return {
    bootId: readText('/proc/sys/kernel/random/boot_id')?.trim() ?? hostname(), pid: process.pid, hostname: hostname(), pidNamespace: readLink('/proc/self/ns/pid'), timeNamespace: readLink('/proc/self/ns/time'),
    startTime: isProcOurs() ? readProcess(process.pid)?.startTime ?? '' : '',
  };
}

function parseIdentity(described: string): ProcessIdentity | undefined {
  let fields: string[];
  try { fields = described.split(':').map((field) => decodeURIComponent(field)); } catch { return undefined; }
  const [bootId = '', pid = '', host = '', pidNamespace = '', timeNamespace = '', startTime] = fields;
  if (startTime === undefined || !/^\d+$/.test(pid)) return undefined;
  return { bootId, pid: Number(pid), hostname: host, pidNamespace, timeNamespace, startTime };
}

/** `/proc` may belong to another pid namespace than this process (`unshare --pid` alone), and then its numbers are not ours. */
function isProcOurs(): boolean {
  const pids = /^NSpid:\s*(.+)$/m.exec(readText('/proc/self/status') ?? '')?.[1];
  return pids?.trim() === String(process.pid);
}

function readProcess(pid: number): { startTime: string; hasExited: boolean } | undefined {
  const text = readText(`/proc/${String(pid)}/stat`);
  if (text === undefined) return undefined;
  // The second field is the program's name in parentheses, which may hold any character.
  const [state = '', ...rest] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const startTime = rest[18];
  if (startTime === undefined) return undefined;
  // A process that was killed stays as a zombie until its parent asks for it.
  return { startTime, hasExited: ['Z', 'X', 'x'].includes(state) };
}

function canBeSignalled(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

function readText(path: string): string | undefined {
  try { return readFileSync(path, 'utf8'); } catch { return undefined; }
}

function readLink(path: string): string {
  try { return readlinkSync(path); } catch { return ''; }
}
