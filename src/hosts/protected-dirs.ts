import { readlinkSync, realpathSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve, sep } from 'node:path';
import { SyncMediaError } from '../errors/errors.js';
import type { Config } from '../options/config.js';
import type { Path } from '../words.js';
import { liesIn, type State } from './state.js';

export interface Protected {
  readonly path: string;
  /** For messages. */
  readonly what: string;
  /** Whether a sync dir may lie in it, or hold it where a person named that sync dir: so for the code of the application. */
  readonly isCode?: true;
}

/** Where this package lies; undefined where it was bundled into something that has no such name. */
const ownFolder: string | undefined = typeof __dirname === 'string' ? __dirname : undefined;

/**
 * The directories of this host that no other host may write to. They hold what decides who gets in, or code that runs here. The gate lies in the
 * state folder.
 */
export function listProtected({ authorizedKeysFile, identityFile }: Pick<State, 'authorizedKeysFile'> & Partial<Pick<State, 'identityFile'>>, { stateDir, reloadCommand = [] }: Pick<Config, 'stateDir'> & Partial<Pick<Config, 'reloadCommand'>>): Protected[] {
  const main = process.argv[1];
  // Uploads usually lie below the application, so of its code only a sync dir that holds it counts. That a package lies in a sync dir whose
  // name is `node_modules` is found by the name.
  const code = [...new Set([main, main && findReal(main)].flatMap((file) => (file ? dirname(file) : [])).concat(ownFolder ?? []))];
  return [
    { path: folderOf(authorizedKeysFile), what: 'the directory of authorized_keys' },
    ...(identityFile === undefined ? [] : [{ path: folderOf(identityFile), what: 'the directory of this host\'s private key' }]),
    { path: stateDir, what: 'the state folder' },
    ...[...new Set([...code, process.cwd()].flatMap(listPackageFolders).concat(['.node_modules', '.node_libraries'].map((name) => join(homedir(), name))))].filter((path) => findReal(path) !== undefined).map((path) => ({ path, what: 'node_modules' })),
    ...code.map((path) => ({ path, what: 'the code of the application', isCode: true as const })),
    ...(process.env['NODE_PATH'] ?? '').split(delimiter).filter((path) => path !== '').map((path) => ({ path: resolve(path), what: 'a directory of NODE_PATH', isCode: true as const })),
    // A script may be an argument of its interpreter.
    ...reloadCommand.filter((word) => word.includes('/')).map((word) => resolve(word)).filter(isFile).map((path) => ({ path, what: 'the program of SYNCMEDIA_RELOAD_COMMAND' })),
  ];
}

/**
 * Refuses sync dirs that hold, are or lie in a protected directory, by real paths, or that hold a symlink on the way to one: who may write beside
 * a link may put something else in its place. A directory that does not exist is none.
 *
 * @param named sync dirs that a person listed at `init`
 * @throws BAD_SYNC_DIR naming the sync dir and what it meets
 */
export function refuseProtectedDirs(root: string, dirs: readonly Path[], named: readonly string[], protectedDirs: readonly Protected[]): void {
  const found = protectedDirs.map((one) => ({ ...one, real: findReal(one.path) ?? one.path, links: listLinks(one.path) }));
  for (const dir of dirs) {
    const at = findReal(join(root, dir));
    if (at === undefined) continue;
    const met = at.split(sep).includes('node_modules') ? 'node_modules' : found.find(({ real, links, isCode }) => {
      const isHeld = [real, ...links].some((path) => liesIn(path, at));
      return isCode ? isHeld && !named.includes(dir) : isHeld || liesIn(at, real);
    })?.what;
    if (met === undefined) continue;
    throw new SyncMediaError('BAD_SYNC_DIR', `the sync dir ${dir} is ${at}, which holds, is or lies in ${met}: every other host could write there. Keep uploads in a directory of their own`);
  }
}

/** Where the symlinks lie that an absolute path leads through. */
function listLinks(path: string, most = 40): string[] {
  const links: string[] = [];
  let at = '/';
  for (const name of path.split(sep).filter((part) => part !== '')) {
    const spot = join(at, name), target = readLink(spot);
    if (target !== undefined) links.push(spot, ...(most > 0 ? listLinks(resolve(at, target), most - 1) : []));
    at = findReal(spot) ?? spot;
  }
  return links;
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** A file right below `/`, as containers mount keys, protects itself alone: everything lies in `/`. */
function folderOf(file: string): string {
  const folder = dirname(file);
  return folder === '/' ? file : folder;
}

/** Where Node looks for the packages of code in a folder. */
function listPackageFolders(folder: string): string[] {
  const above = dirname(folder);
  return [join(folder, 'node_modules'), ...(above === folder ? [] : listPackageFolders(above))];
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function findReal(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
