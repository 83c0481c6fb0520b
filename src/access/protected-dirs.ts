import { readlinkSync, realpathSync, statSync } from 'node:fs';
import { delimiter, dirname, join, resolve, sep } from 'node:path';
import { SyncMediaError } from '../model/errors.js';
import type { Config } from '../config/config.js';
import { findHome } from '../config/find-home.js';
import type { Path } from '../model/path.js';
import { isInDir, type HostState } from '../state-dir/state.js';

export interface ProtectedDir {
  readonly path: string;
  /** A description for messages. */
  readonly what: string;
  /**
   * The application's code. A sync dir may lie in it. A sync dir may contain it only if a person
   * listed that sync dir.
   */
  readonly isCode?: true;
}

/** The folder of this package; undefined in a bundle without `__dirname`. */
const packageFolder: string | undefined = typeof __dirname === 'string' ? __dirname : undefined;

/**
 * Lists directories of this host that no other host may write to: they decide who gets in, or
 * contain code that runs here. The state folder contains the gate.
 */
export function listProtectedDirs(
  {
    authorizedKeysFile,
    identityFile,
  }: Pick<HostState, 'authorizedKeysFile'> & Partial<Pick<HostState, 'identityFile'>>,
  {
    stateDir,
    reloadCommand = [],
  }: Pick<Config, 'stateDir'> & Partial<Pick<Config, 'reloadCommand'>>,
): ProtectedDir[] {
  const main = process.argv[1];
  // Uploads usually lie below the application, so only a sync dir that contains its code is
  // refused. Packages inside a sync dir are recognised by the name `node_modules`.
  const code = [
    ...new Set(
      [main, main && findRealPath(main)]
        .flatMap((file) => (file ? dirname(file) : []))
        .concat(packageFolder ?? []),
    ),
  ];
  return [
    { path: getProtectedFolder(authorizedKeysFile), what: 'the directory of authorized_keys' },
    ...(identityFile === undefined
      ? []
      : [
          {
            path: getProtectedFolder(identityFile),
            what: "the directory of this host's private key",
          },
        ]),
    { path: stateDir, what: 'the state folder' },
    ...[
      ...new Set(
        [...code, process.cwd()]
          .flatMap(listPackageFolders)
          .concat(['.node_modules', '.node_libraries'].map((name) => join(findHome(), name))),
      ),
    ]
      .filter((path) => findRealPath(path) !== undefined)
      .map((path) => ({ path, what: 'node_modules' })),
    ...code.map((path) => ({ path, what: 'the code of the application', isCode: true as const })),
    ...(process.env['NODE_PATH'] ?? '')
      .split(delimiter)
      .filter((path) => path !== '')
      .map((path) => ({
        path: resolve(path),
        what: 'a directory of NODE_PATH',
        isCode: true as const,
      })),
    // A script may be an argument of its interpreter.
    ...reloadCommand
      .filter((word) => word.includes('/'))
      .map((word) => resolve(word))
      .filter(isFile)
      .map((path) => ({ path, what: 'the program of SYNCMEDIA_RELOAD_COMMAND' })),
  ];
}

/**
 * Refuses sync dirs that contain, are, or lie in a protected directory, by real paths. Also
 * refuses those that contain a symlink on the way to one, because anyone who can write beside a
 * symlink can replace it. Sync dirs that do not exist are skipped.
 *
 * @param named sync dirs that a person listed at `init`
 * @throws BAD_SYNC_DIR naming the sync dir and the protected directory
 */
export function refuseProtectedDirs(
  root: string,
  dirs: readonly Path[],
  named: readonly string[],
  protectedDirs: readonly ProtectedDir[],
): void {
  const found = protectedDirs.map((one) => ({
    ...one,
    real: findRealPath(one.path) ?? one.path,
    links: listSymlinks(one.path),
  }));
  for (const dir of dirs) {
    const at = findRealPath(join(root, dir));
    if (at === undefined) continue;
    const conflictWith = at.split(sep).includes('node_modules')
      ? 'node_modules'
      : found.find(({ real, links, isCode }) => {
          const isHeld = [real, ...links].some((path) => isInDir(path, at));
          return isCode ? isHeld && !named.includes(dir) : isHeld || isInDir(at, real);
        })?.what;
    if (conflictWith === undefined) continue;
    throw new SyncMediaError(
      'BAD_SYNC_DIR',
      `the sync dir ${dir} is ${at}, which holds, is or lies in ${conflictWith}: every other ` +
        `host could ` +
        `write there. Keep uploads in a directory of their own`,
    );
  }
}

/** Lists the symlinks through which an absolute path leads. */
function listSymlinks(path: string, most = 40): string[] {
  const links: string[] = [];
  let at = '/';
  for (const name of path.split(sep).filter((part) => part !== '')) {
    const spot = join(at, name),
      target = readSymlink(spot);
    if (target !== undefined)
      links.push(spot, ...(most > 0 ? listSymlinks(resolve(at, target), most - 1) : []));
    at = findRealPath(spot) ?? spot;
  }
  return links;
}

function readSymlink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/**
 * Returns the folder to protect for a file. Containers mount keys right below `/`; there only the
 * file itself is protected, because every sync dir lies in `/`.
 */
function getProtectedFolder(file: string): string {
  const folder = dirname(file);
  return folder === '/' ? file : folder;
}

/** Lists the folders in which Node looks for the packages of code in a folder. */
function listPackageFolders(folder: string): string[] {
  const above = dirname(folder);
  return [join(folder, 'node_modules'), ...(above === folder ? [] : listPackageFolders(above))];
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function findRealPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
