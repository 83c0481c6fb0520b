import { readFileSync, readlinkSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { hostname } from 'node:os';

/**
 * Identifies a process for all time. A pid alone does not: containers of one machine use the same
 * pids, a restarted container gets its old pids, and even the number of its pid namespace is
 * reused.
 */
interface ProcessIdentity {
  /**
   * Changes with each boot of a machine (Linux). On other platforms the host name stands for it.
   */
  readonly bootId: string;
  readonly pid: number;
  readonly hostname: string;
  /**
   * The namespace in which the pid is valid; `timeNamespace` does the same for the start time.
   */
  readonly pidNamespace: string;
  readonly timeNamespace: string;
  /**
   * Field 22 of `/proc/PID/stat`, in clock ticks since boot. Empty if this process cannot read
   * it.
   */
  readonly startTime: string;
}

/** A Unix socket on which a process listens as long as it works. */
interface ListeningSocket {
  readonly path: string;
  /** Device and inode of the socket file, as `readInode` returns them. */
  readonly inode: string;
}

const probeTimeoutMs = 1_000;
/** Computed at first use. None of it changes while this process lives. */
let ownIdentity: ProcessIdentity | undefined;

/**
 * Formats this process's identity as one word for storage. The boot id comes first, up to a
 * colon.
 */
export function describeThisProcess(): string {
  const {
    bootId,
    pid,
    hostname: host,
    pidNamespace,
    timeNamespace,
    startTime,
  } = (ownIdentity ??= identifyProcess());
  return [bootId, String(pid), host, pidNamespace, timeNamespace, startTime]
    .map((field) => encodeURIComponent(field))
    .join(':');
}

/** Formats a stored identity for people: `process 6 on web1`. */
export function nameProcess(described: string): string {
  const [, pid = '?', host = ''] = described.split(':');
  return `process ${pid}${parseIdentity(described) ? ` on ${decodeURIComponent(host)}` : ''}`;
}

/**
 * Whether the described process has certainly ended. False if that cannot be known: the
 * description is of another machine, an earlier boot, an inaccessible container or an older
 * version, or the platform has no `/proc`.
 *
 * @param socket the process closes it only after it has stopped working, so it proves the end
 *   across pid namespaces of one kernel
 */
export async function isProcessDead(described: string, socket?: ListeningSocket): Promise<boolean> {
  const other = parseIdentity(described),
    me = (ownIdentity ??= identifyProcess());
  // Where the host name stands for the boot id, it may be that of another machine.
  if (!other || other.bootId !== me.bootId || me.bootId === me.hostname) return false;
  return hasProcessEnded(other, me) || (socket !== undefined && (await isSocketDeserted(socket)));
}

/** Reads device and inode of a file; undefined if there is none. */
export async function readInode(path: string): Promise<string | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found && `${String(found.dev)}:${String(found.ino)}`;
}

/** Reads the namespace of this process's pid, `pid:[4026531836]`; empty where there is none. */
export function readPidNamespace(): string {
  return readProcLink('/proc/self/ns/pid');
}

function hasProcessEnded(other: ProcessIdentity, me: ProcessIdentity): boolean {
  const isVisible =
    other.startTime !== '' &&
    me.startTime !== '' &&
    me.pidNamespace !== '' &&
    other.hostname === me.hostname &&
    other.pidNamespace === me.pidNamespace &&
    other.timeNamespace === me.timeNamespace;
  if (!isVisible) return false;
  const now = readProcessStat(other.pid);
  // `/proc` may hide processes of other users (hidepid). A signal shows whether the process
  // exists.
  if (!now) return !canBeSignalled(other.pid);
  return now.startTime !== other.startTime || now.hasExited;
}

/**
 * Whether nobody listens at the socket any more. A stopped process counts as listening, since the
 * kernel accepts the connection.
 */
async function isSocketDeserted({ path, inode }: ListeningSocket): Promise<boolean> {
  // In a copied state folder the file is another one and says nothing about that process.
  if ((await readInode(path)) !== inode) return false;
  return new Promise<boolean>((resolve) => {
    const socket = connect(path);
    const answer = (deserted: boolean): void => {
      socket.destroy();
      resolve(deserted);
    };
    socket.setTimeout(probeTimeoutMs, () => {
      answer(false);
    });
    socket.on('connect', () => {
      answer(false);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      answer(error.code === 'ECONNREFUSED');
    });
  });
}

function identifyProcess(): ProcessIdentity {
  return {
    bootId: readProcText('/proc/sys/kernel/random/boot_id')?.trim() ?? hostname(),
    pid: process.pid,
    hostname: hostname(),
    pidNamespace: readPidNamespace(),
    timeNamespace: readProcLink('/proc/self/ns/time'),
    startTime: isProcOurs() ? (readProcessStat(process.pid)?.startTime ?? '') : '',
  };
}

function parseIdentity(described: string): ProcessIdentity | undefined {
  let fields: string[];
  try {
    fields = described.split(':').map((field) => decodeURIComponent(field));
  } catch {
    return undefined;
  }
  const [bootId = '', pid = '', host = '', pidNamespace = '', timeNamespace = '', startTime] =
    fields;
  if (startTime === undefined || !/^\d+$/.test(pid)) return undefined;
  return { bootId, pid: Number(pid), hostname: host, pidNamespace, timeNamespace, startTime };
}

/**
 * Whether `/proc` shows this process's pid namespace. After `unshare --pid` alone it shows
 * another.
 */
function isProcOurs(): boolean {
  const pids = /^NSpid:\s*(.+)$/m.exec(readProcText('/proc/self/status') ?? '')?.[1];
  return pids?.trim() === String(process.pid);
}

function readProcessStat(pid: number): { startTime: string; hasExited: boolean } | undefined {
  const text = readProcText(`/proc/${String(pid)}/stat`);
  if (text === undefined) return undefined;
  // The second field, the program's name in parentheses, may contain any character.
  const [state = '', ...rest] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const startTime = rest[18];
  if (startTime === undefined) return undefined;
  // A killed process stays as a zombie until its parent reaps it.
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

function readProcText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function readProcLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
