import type { Failure } from '../model/failure.js';
import type { Host, HostId } from '../model/host.js';
import type { Path } from '../model/path.js';
import type { Run } from '../model/run.js';
import { allowsPath } from './wants.js';

/**
 * Why a host must not carry out a run that another one requests. Undefined if it may. A run works
 * with the files and the rights of its host, so nobody sends one to a host that is not approved, or
 * that two machines claim to be.
 */
export function findRunObstacle(host: Host): Pick<Failure, 'code' | 'message'> | undefined {
  const { hostname, id, status, passive, halted } = host;
  if (status === 'retired')
    return {
      code: 'HOST_RETIRED',
      message: `the host ${hostname.replace(`#${id}`, '')} was unregistered: choose another one`,
    };
  if (status !== 'approved')
    return {
      code: 'BAD_OPTION',
      message:
        status === 'pending'
          ? `${hostname} waits for approval: approve it first, or choose another host`
          : `${hostname} is paused: resume it first, or choose another host`,
    };
  if (passive)
    return {
      code: 'BAD_OPTION',
      message: `${hostname} is passive and carries out no runs: choose an active host`,
    };
  const cloned = halted.HOST_CLONED;
  return cloned && { code: 'HOST_CLONED', message: `${hostname}: ${cloned.message}` };
}

/**
 * Why a host is left out of a run that host `runHost` carries out. Undefined if it takes part. A
 * host that is being bootstrapped is sent files, but lacks too many to be compared with.
 */
export function findPartObstacle(
  host: Host | undefined,
  kind: Run['kind'],
  runHost: HostId,
): Pick<Failure, 'code' | 'message'> | undefined {
  if (!host)
    return {
      code: 'UNKNOWN_HOST',
      message: 'the host was removed from the database: leave it out',
    };
  const { hostname, id, status, passive, readyAt } = host;
  if (id === runHost)
    return {
      code: 'BAD_OPTION',
      message: `${hostname} carries out the run itself: name another host`,
    };
  if (status === 'retired')
    return {
      code: 'HOST_RETIRED',
      message: `the host ${hostname.replace(`#${id}`, '')} was unregistered: leave it out`,
    };
  if (status === 'pending')
    return {
      code: 'HOST_NOT_APPROVED',
      message: `${hostname} waits for approval: approve it first, or leave it out`,
    };
  if (status === 'paused')
    return {
      code: 'BAD_OPTION',
      message: `${hostname} is paused: resume it first, or leave it out`,
    };
  if ((kind === 'pull' || kind === 'verify') && !passive && readyAt === undefined)
    return {
      code: 'BAD_OPTION',
      message: `${hostname} is new and does not have all files yet: wait until it is ready`,
    };
  return undefined;
}

/**
 * The sync dirs of another host, as far as the database tells: those of its own list, and those
 * that models declared anywhere and its list allows.
 */
export function listDirsOf(host: Pick<Host, 'syncDirs'>, stored: readonly Path[]): Path[] {
  return [...new Set([...host.syncDirs, ...stored])].filter((dir) => allowsPath(host, dir)).sort();
}

/** Why a run that was requested has not begun. Undefined if its host is about to begin it. */
export function explainWait(
  { state }: Pick<Run, 'state'>,
  host: Pick<Host, 'hostname' | 'status'> | undefined,
  isLed: boolean,
): string | undefined {
  if (state !== 'requested') return undefined;
  if (!host || host.status === 'retired')
    return 'its host was unregistered, so it never begins: cancel it';
  return isLed
    ? undefined
    : `no process leads ${host.hostname}: it begins once the application runs there`;
}
