import { SyncMediaError } from '../errors/errors.js';
import { chooseOwnDirs } from '../planning/own-dirs.js';
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
    /** What its models declare. Undefined: not known here, as it is another host, which opens nothing by what is asked here. */
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
  // One that lies in a sync dir is none: it would not have its rules, such as what it excludes.
  const isOpen = own.declared
    ? (dir: string) => chooseOwnDirs({ allowed: own.allowed, declared: own.declared ?? [], opened: [] }).includes(dir as Path)
    : (dir: string) => allows({ syncDirs: [...own.allowed] }, dir);
  const wider = syncDirs.filter((dir) => !isOpen(dir));
  if (isWhole || wider.length > 0) {
    throw forbidden(`the sync dirs of ${hostname} can be narrowed through the router, but not widened${wider.length > 0 ? ` (to ${wider.join(', ')})` : ''}`, `syncmedia init --sync-dirs ${syncDirs.join(',') || '…'}`);
  }
}

function forbidden(what: string, command: string): SyncMediaError {
  return new SyncMediaError('FORBIDDEN', `${what}: run \`${command}\` on that host`);
}
