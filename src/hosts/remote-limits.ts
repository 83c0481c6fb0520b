import { SyncMediaError } from '../model/errors.js';
import { chooseOwnDirs } from '../decisions/own-dirs.js';
import { allowsPath } from '../decisions/wants.js';
import type { Path } from '../model/path.js';

/** A remote request, and the directories that the host's own configuration opens. */
export interface RemoteRequest {
  readonly hostname: string;
  readonly root: string | undefined;
  readonly syncDirs: readonly string[] | undefined;
  readonly own: {
    readonly root: string | undefined;
    /** Empty: every sync dir that its models declare. */
    readonly allowed: readonly Path[];
    /**
     * The sync dirs that its models declare. Undefined for another host, whose models are unknown
     * here and which opens nothing because of this request.
     */
    readonly declared: readonly Path[] | undefined;
  };
}

/**
 * Limits changes through the router: they may narrow a host's sync dirs, and nothing more. Each
 * host alone decides which directories it opens, by its command line, environment and models.
 * Otherwise the router's token could open a user's home directory.
 *
 * @throws FORBIDDEN naming the refused value
 */
export function limitRemoteChange({ hostname, root, syncDirs, own }: RemoteRequest): void {
  if (root !== undefined && root !== own.root) {
    throw makeForbiddenError(
      `the root of ${hostname} cannot be set through the router`,
      `syncmedia init --root ${root}`,
    );
  }
  if (syncDirs === undefined) return;
  const isWhole = syncDirs.length === 0 && own.allowed.length > 0;
  // A directory inside a sync dir is refused: it would lose that sync dir's rules, such as
  // `exclude`.
  const isOpen = own.declared
    ? (dir: string) =>
        chooseOwnDirs({ allowed: own.allowed, declared: own.declared ?? [], opened: [] }).includes(
          dir as Path,
        )
    : (dir: string) => allowsPath({ syncDirs: [...own.allowed] }, dir);
  const wider = syncDirs.filter((dir) => !isOpen(dir));
  if (isWhole || wider.length > 0) {
    throw makeForbiddenError(
      `the sync dirs of ${hostname} can be narrowed through the router, but not ` +
        `widened${wider.length > 0 ? ` (to ${wider.join(', ')})` : ''}`,
      `syncmedia init --sync-dirs ${syncDirs.join(',') || '…'}`,
    );
  }
}

function makeForbiddenError(what: string, command: string): SyncMediaError {
  return new SyncMediaError('FORBIDDEN', `${what}: run \`${command}\` on that host`);
}
