import type { Failure } from '../model/failure.js';
import type { Host } from '../model/host.js';
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
