import { listFirst } from '../util/list-first.js';
import { constants } from 'node:fs';
import { access, lstat, readFile, readdir, realpath, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { HostContext } from '../context/host-context.js';
import type { DoctorCheck } from '../api/reports.js';
import { areas, newName } from '../replica/areas.js';
import { compileExclude } from '../replica/exclude.js';
import { nodeDisk } from '../replica/node-disk.js';
import { OWN_FOLDER } from '../replica/paths.js';
import type { SyncDir } from '../model/sync-dir.js';
import { runCheck, reportFailed, reportOk, type CheckResult } from './check.js';

/** Limit of the directories that the writing check visits, per sync dir. */
const maxDirectories = 500;
const minFreeBytes = 1024 ** 3,
  minFreeShare = 0.05;

type Place = Pick<HostContext, 'replica' | 'dirs'>;

/** Checks the root and the sync dirs of this host. */
export async function checkPlace(place: Place): Promise<DoctorCheck[]> {
  const { replica } = place;
  const { list } = place.dirs.current();
  const checks = [
    await runCheck(
      'root',
      `create or mount ${replica.rootPath}, and let the user who runs the app read it`,
      async () => {
        await access(replica.rootPath, constants.R_OK | constants.X_OK);
        return reportOk(replica.rootPath);
      },
    ),
  ];
  if (list.length === 0)
    checks.push({
      name: 'sync dirs',
      ...reportFailed(
        'no sync dir is known',
        'start the app once so that its models declare them, or run `syncmedia init --sync-dirs …`',
      ),
    });
  const mounts = await readMounts();
  for (const dir of list) {
    const at = replica.absolute(dir.path);
    checks.push(
      await runCheck(
        `sync dir ${dir.path}`,
        `create or mount ${at}, and run \`syncmedia init\``,
        () => checkDir(place, dir, at),
      ),
      await runCheck(`${dir.path}: mounts`, '', () => checkMounts(place, dir, at, mounts)),
      await runCheck(
        `${dir.path}: writing`,
        `let the user who runs the app own ${at} and everything in it`,
        () => checkWriting(at),
      ),
      await runCheck(`${dir.path}: space`, 'make room', () => checkSpace(at)),
    );
  }
  return checks;
}

async function checkDir({ replica }: Place, dir: SyncDir, at: string): Promise<CheckResult> {
  const failure = await replica.check(dir);
  return failure
    ? reportFailed(failure.message, `mount ${at}, or run \`syncmedia init\` here`)
    : reportOk('marked for this host');
}

/** Looks for nested mounts: a file cannot be renamed into place across file systems. */
async function checkMounts(
  { dirs }: Place,
  dir: SyncDir,
  at: string,
  mounts: readonly string[],
): Promise<CheckResult> {
  const real = await realpath(at);
  const exclude = compileExclude(dir.exclude);
  const nested = mounts
    .filter((mount) => mount.startsWith(`${real}/`))
    .map((mount) => mount.slice(real.length + 1))
    .filter(
      (rest) => !dirs.current().byPath(`${dir.path}/${rest}`) && !exclude.matches(rest, true),
    );
  return nested.length === 0
    ? reportOk('none in it')
    : reportFailed(
        `other file systems are mounted in it: ${nested.join(', ')}`,
        'declare them as sync dirs of their own or exclude them: files cannot be renamed into them',
      );
}

async function readMounts(): Promise<string[]> {
  const text = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  return text
    .split('\n')
    .flatMap((line) => line.split(' ')[4] ?? [])
    .map((path) =>
      path.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))),
    );
}

/**
 * Writes and replaces a file, as receiving one does, and looks for directories that forbid it.
 */
async function checkWriting(at: string): Promise<CheckResult> {
  const [first, second] = [join(at, areas.tmp, newName()), join(at, areas.tmp, newName())];
  try {
    for (const file of [first, second])
      await nodeDisk.writeNew(file, Buffer.from('doctor\n'), 0o644);
    await nodeDisk.rename(first, second);
  } finally {
    for (const file of [first, second]) await nodeDisk.remove(file);
  }
  const closed: string[] = [];
  const open = [at];
  for (let visited = 0; visited < maxDirectories && open.length > 0; visited++) {
    const folder = open.pop() ?? at;
    if (await isUnwritable(folder)) closed.push(folder);
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
      if (entry.isDirectory() && entry.name !== OWN_FOLDER && open.length < maxDirectories)
        open.push(join(folder, entry.name));
    }
  }
  if (closed.length === 0) return reportOk('files can be put there and replaced');
  return reportFailed(
    `received files cannot be put or replaced in ${listFirst(closed, 5)}`,
    `chown -R the user who runs the app ${at}, and let no directory be sticky`,
  );
}

/**
 * Whether this user cannot write there, or cannot replace files of other users because the
 * directory is sticky.
 */
async function isUnwritable(folder: string): Promise<boolean> {
  const { mode, uid } = await lstat(folder);
  const isSticky = (mode & 0o1000) !== 0 && uid !== process.geteuid?.();
  return (
    isSticky ||
    !(await access(folder, constants.W_OK | constants.X_OK).then(
      () => true,
      () => false,
    ))
  );
}

async function checkSpace(at: string): Promise<CheckResult> {
  const { bavail, blocks, bsize, ffree, files } = await statfs(at);
  return assessSpace({
    free: bavail * bsize,
    all: blocks * bsize,
    names: files === 0 ? 1 : ffree / files,
  });
}

/** @param space `names` is the share of inodes that is free */
export function assessSpace({
  free,
  all,
  names,
}: {
  free: number;
  all: number;
  names: number;
}): CheckResult {
  const gib = (bytes: number): string => `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
  if (free < Math.min(minFreeBytes, all * minFreeShare))
    return reportFailed(
      `${gib(free)} of ${gib(all)} are free`,
      'make room: what does not fit is not received',
    );
  if (names < minFreeShare / 5)
    return reportFailed(
      'hardly any inodes are free',
      'remove small files, or make the file system anew with more inodes',
    );
  return reportOk(`${gib(free)} of ${gib(all)} free`);
}
