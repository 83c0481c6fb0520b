import { lstat, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SyncMediaError } from '../model/errors.js';
import { withLock } from '../state-dir/file-lock.js';
import { replaceFile } from '../state-dir/replace-file.js';

const MAX_FILE_BYTES = 4 * 1024 * 1024;

/**
 * Replaces the lines between the two marker comments of `owner` in an authorized_keys file. All
 * other bytes of the file stay as they are. The file is written under a lock, atomically, with
 * mode 0600, and only if it changes. A missing file is created, with its folder (0700).
 *
 * @param owner database id and host id; tells installations apart that share a file
 * @param makeLines is called under the lock: of two writers, the later one has the newer lines
 * @returns whether the file changed
 * @throws BAD_AUTHORIZED_KEYS if the file or its folder is a symlink or writable by others,
 *   TIMED_OUT
 */
export async function writeManagedBlock(
  file: string,
  owner: string,
  makeLines: () => readonly string[],
): Promise<boolean> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  return rewriteBlock(file, owner, () => [
    formatBeginMarker(owner),
    ...makeLines(),
    formatEndMarker(owner),
  ]);
}

/** Removes the block of `owner` with its markers, if there is one. */
export async function removeManagedBlock(file: string, owner: string): Promise<boolean> {
  return (await lstat(file).catch(() => undefined)) ? rewriteBlock(file, owner, () => []) : false;
}

const formatBeginMarker = (owner: string): string =>
  `# syncmedia begin ${owner} (written by syncmedia: changes in here are lost)`;
const formatEndMarker = (owner: string): string => `# syncmedia end ${owner}`;

async function rewriteBlock(
  file: string,
  owner: string,
  makeBlock: () => readonly string[],
): Promise<boolean> {
  await checkOwnership(dirname(file), 'directory');
  return withLock(`${file}.syncmedia-lock`, async (checkHeld) => {
    const before = await readCheckedFile(file);
    const after = replaceBlock(file, before, owner, makeBlock());
    if (after === before) return false;
    await replaceFile(file, Buffer.from(after, 'latin1'), 0o600, checkHeld);
    return true;
  });
}

/** Decodes the file as latin1, which preserves every byte. */
async function readCheckedFile(file: string): Promise<string> {
  const there = await checkOwnership(file, 'file');
  if (!there) return '';
  if (there.size > MAX_FILE_BYTES)
    throw makeBadFileError(file, 'is larger than 4 MiB', 'make it smaller');
  return readFile(file, 'latin1');
}

function replaceBlock(file: string, text: string, owner: string, block: readonly string[]): string {
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  const is =
    (marker: string) =>
    (line: string): boolean =>
      line === marker ||
      line.startsWith(`${marker} `) ||
      line.startsWith(`${marker}\n`) ||
      line.startsWith(`${marker}\r`);
  const start = lines.findIndex(is(`# syncmedia begin ${owner}`));
  const stop = lines.findIndex(is(formatEndMarker(owner)));
  if (start === -1 && stop === -1) {
    if (block.length === 0) return text;
    const separator = text === '' || text.endsWith('\n') ? '' : '\n';
    return `${text}${separator}${block.join('\n')}\n`;
  }
  // With only one marker nothing says which lines are ours.
  if (start === -1 || stop < start)
    throw makeBadFileError(
      file,
      `has only one of the two marker lines of ${owner}`,
      'remove that line and what syncmedia wrote beside it',
    );
  const ours = block.map((line) => `${line}\n`);
  return [...lines.slice(0, start), ...ours, ...lines.slice(stop + 1)].join('');
}

/** Refuses what sshd would refuse too, and what would let other users add a key. */
async function checkOwnership(
  path: string,
  kind: 'file' | 'directory',
): Promise<{ size: number } | undefined> {
  const there = await lstat(path).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
  if (!there) return undefined;
  if (there.isSymbolicLink())
    throw makeBadFileError(
      path,
      'is a symlink',
      'put a real one there, or name another file in SYNCMEDIA_AUTHORIZED_KEYS',
    );
  if (kind === 'file' ? !there.isFile() : !there.isDirectory())
    throw makeBadFileError(path, `is no ${kind}`, 'name another file in SYNCMEDIA_AUTHORIZED_KEYS');
  if ((there.mode & 0o022) !== 0)
    throw makeBadFileError(path, 'can be written by others', `chmod go-w ${path}`);
  if (there.uid !== process.geteuid?.())
    throw makeBadFileError(
      path,
      'belongs to another user',
      'run this as the user who runs the app',
    );
  return there;
}

function makeBadFileError(path: string, what: string, remedy: string): SyncMediaError {
  return new SyncMediaError('BAD_AUTHORIZED_KEYS', `${path} ${what}: ${remedy}`);
}
