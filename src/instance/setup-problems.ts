import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { NamingModel } from '../capture/find-named.js';
import { findUnknownFields } from '../capture/unknown-fields.js';
import type { HostContext } from '../context/host-context.js';
import type { SetupProblem } from '../model/host.js';
import type { UnsyncedFile } from '../model/capture.js';

/** What the application declares, and this host. */
interface Declarations extends Pick<HostContext, 'dirs' | 'rootPath' | 'state' | 'replica'> {
  readonly models: readonly NamingModel[];
  /** Directories that `serveMedia` serves, relative to the root. */
  readonly served: readonly string[];
}

/**
 * Lists the application's declarations that this host cannot sync or serve, which nobody would
 * notice otherwise.
 */
export async function listSetupProblems(declared: Declarations): Promise<SetupProblem[]> {
  const { dirs, state } = declared;
  return [
    ...describeRefused(dirs.listRefused(), state.syncDirs),
    ...(await listUnusableDirs(declared)),
    ...listUnknownFields(declared.models),
    ...(await listUnsyncedServed(declared)),
  ];
}

/** Describes sync dirs that models declare but `init` did not allow. */
export function describeRefused(
  refused: readonly { readonly dir: string; readonly where: string }[],
  allowed: readonly string[],
): SetupProblem[] {
  const all = [...new Set([...allowed, ...refused.map(({ dir }) => dir)])];
  return refused.map(({ dir, where }) => ({
    about: dir,
    message:
      `${where} declares the sync dir ${dir}, but this host was initialised for ` +
      `${allowed.join(', ')} only: files in ${dir} are neither sent nor received here`,
    remedy:
      `run \`syncmedia init --sync-dirs ${all.join(',')}\` on every host that is to keep them, ` +
      `and restart its processes`,
  }));
}

/** Explains why a file is not sent. */
export function describeUnsynced(unsynced: UnsyncedFile): string {
  return unsynced.why === 'excluded'
    ? `the exclude pattern ${JSON.stringify(unsynced.pattern)} of the sync dir ` +
        `${unsynced.syncDir} matches it`
    : 'it lies in no sync dir that this host opens; `syncmedia doctor` has the remedy';
}

/**
 * Lists sync dirs, declared or listed by `init`, that are no directory or carry no marker of this
 * host.
 */
async function listUnusableDirs({
  dirs,
  rootPath,
  state,
  replica,
}: Declarations): Promise<SetupProblem[]> {
  // Directories that only earlier processes declared may be gone for good.
  const wanted = new Set<string>([
    ...state.syncDirs,
    ...dirs.listDeclared().map(({ path }) => path),
  ]);
  const own = dirs
    .current()
    .list.map(({ path }) => path)
    .filter((path) => wanted.has(path));
  const missing = await filterMissing(own, rootPath);
  const unmarked = await Promise.all(
    own.map(async (path) =>
      !missing.includes(path) && (await replica.check({ path }).catch(() => undefined))
        ? [path]
        : [],
    ),
  );
  return [
    ...missing.map((dir) => ({
      about: dir,
      message:
        `the sync dir ${dir} is missing, since ${join(rootPath, dir)} is not a directory: ` +
        `nothing in it is sent or received here`,
      remedy:
        `create or mount ${join(rootPath, dir)}, and run \`syncmedia init\`; ` +
        '`syncmedia status` shows this until the application restarts',
    })),
    ...unmarked.flat().map((dir) => ({
      about: dir,
      message:
        `the sync dir ${dir} has no marker of this host: ` +
        'nothing in it is sent or received here',
      remedy:
        'run `syncmedia init`, which marks it; `syncmedia status` shows this until the ' +
        'application restarts',
    })),
  ];
}

function listUnknownFields(models: readonly NamingModel[]): SetupProblem[] {
  return models.flatMap(({ model, options: { paths } }) => {
    const unknown = Array.isArray(paths) ? findUnknownFields(model, paths) : [];
    return unknown.map((field) => ({
      about: `${model.modelName}.${field}`,
      message:
        `model ${model.modelName}: \`paths\` names the field ${JSON.stringify(field)}, ` +
        `which its schema does not store: no file is found by it`,
      remedy:
        'name a stored field of the schema in `paths`, or give a function that returns the names',
    }));
  });
}

async function listUnsyncedServed({
  served,
  dirs,
  rootPath,
}: Declarations): Promise<SetupProblem[]> {
  const known = dirs.current().list.map(({ path }) => path);
  const isBelow = (path: string, dir: string): boolean =>
    path === dir || path.startsWith(`${dir}/`);
  const unsynced = served.filter(
    (base) => !known.some((dir) => isBelow(base, dir) || isBelow(dir, base)),
  );
  const missing = await filterMissing(served, rootPath);
  return [...new Set([...unsynced, ...missing])].map((base) => ({
    about: `serveMedia ${base}`,
    message: missing.includes(base)
      ? `serveMedia serves ${base}, but ${join(rootPath, base)} is not a directory`
      : `serveMedia serves ${base}, which holds no sync dir and lies in none ` +
        `(${known.join(', ') || 'none is known'}): every request there is a 404`,
    remedy: `give serveMedia a sync dir or a directory that holds one, relative to ${rootPath}`,
  }));
}

async function filterMissing(paths: readonly string[], rootPath: string): Promise<string[]> {
  const there = await Promise.all(
    paths.map((path) =>
      stat(join(rootPath, path)).then(
        (found) => found.isDirectory(),
        () => false,
      ),
    ),
  );
  return paths.filter((_, index) => !there[index]);
}
