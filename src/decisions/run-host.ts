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
  const { hostname, passive, halted } = host;
  const obstacle = findStatusObstacle(host, 'choose another host');
  if (obstacle) return obstacle;
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
  const { hostname, id, passive, readyAt } = host;
  if (id === runHost)
    return {
      code: 'BAD_OPTION',
      message: `${hostname} carries out the run itself: name another host`,
    };
  const obstacle = findStatusObstacle(host, 'leave it out');
  if (obstacle) return obstacle;
  if ((kind === 'pull' || kind === 'verify') && !passive && readyAt === undefined)
    return {
      code: 'BAD_OPTION',
      message: `${hostname} is new and does not have all files yet: wait until it is ready`,
    };
  return undefined;
}

/** @param instead what a person can do without the host */
function findStatusObstacle(
  { hostname, id, status }: Host,
  instead: string,
): Pick<Failure, 'code' | 'message'> | undefined {
  switch (status) {
    case 'approved':
      return undefined;
    case 'retired':
      return {
        code: 'HOST_RETIRED',
        message: `the host ${hostname.replace(`#${id}`, '')} was unregistered: ${instead}`,
      };
    case 'pending':
      return {
        code: 'BAD_OPTION',
        message: `${hostname} waits for approval: approve it first, or ${instead}`,
      };
    case 'paused':
      return {
        code: 'BAD_OPTION',
        message: `${hostname} is paused: resume it first, or ${instead}`,
      };
  }
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
