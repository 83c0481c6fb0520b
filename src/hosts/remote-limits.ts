import { SyncMediaError } from '../errors/errors.js';
import { allows } from '../planning/wants.js';
import type { Path } from '../words.js';

/** What a host opens by its own configuration, and what somebody at none of the hosts asks for. */
export interface RemoteRequest {
  readonly hostname: string;
  readonly root: string | undefined;
  readonly syncDirs: readonly string[] | undefined;
  readonly own: {
    readonly root: string | undefined;
    /** Empty: every sync dir that its models declare. */
    readonly allowed: readonly Path[];
    /** What its models declare. Undefined: not known here, as it is another host. */
    readonly declared: readonly Path[] | undefined;
  };
}

/**
 * Through the router a host's sync dirs can be narrowed, and nothing more: which directories a host opens is decided on that host
 * alone, by its command line, its environment and its models. Else the router's token could open a user's home directory.
 *
 * @throws FORBIDDEN naming what was asked for
 */
export function limitRemoteChange({ hostname, root, syncDirs, own }: RemoteRequest): void {
  if (root !== undefined && root !== own.root) {
    throw forbidden(`the root of ${hostname} cannot be set through the router`, `syncmedia init --root ${root}`);
  }
  if (syncDirs === undefined) return;
  const isWhole = syncDirs.length === 0 && own.allowed.length > 0;
  const open = own.allowed.length > 0 ? own.allowed : own.declared;
  const wider = open === undefined ? [] : syncDirs.filter((dir) => open.length === 0 || !allows({ syncDirs: [...open] }, dir));
  if (isWhole || wider.length > 0) {
    throw forbidden(`the sync dirs of ${hostname} can be narrowed through the router, but not widened${wider.length > 0 ? ` (to ${wider.join(', ')})` : ''}`, `syncmedia init --sync-dirs ${syncDirs.join(',') || '…'}`);
  }
}

function forbidden(what: string, command: string): SyncMediaError {
  return new SyncMediaError('FORBIDDEN', `${what}: run \`${command}\` on that host`);
}
