// Which name a file of a bucket gets on a disk. A bucket accepts any text as a name, any number of
// times, and most of it came from visitors.
import { createHash } from 'node:crypto';

const maxNameBytes = 255;
/** syncmedia refuses longer paths, counted from the root. The rest is for the sync dir. */
const maxPathBytes = 1_800;

/**
 * The names to try, relative to the sync dir: its own if a disk can have it, then one with its id.
 *
 * @param {{ _id: unknown, filename?: string }} file
 * @returns {string[]}
 */
export function chooseNames({ _id, filename = '' }) {
  const withId = `${describeId(_id)}-${cleanName(filename)}`;
  return isSafeName(filename) ? [filename, withId] : [withId];
}

/** Paths that are taken. One of a file cannot be that of a folder, too. */
export class TakenNames {
  /** @type {Set<string>} */
  #files = new Set();
  /** @type {Set<string>} */
  #folders = new Set();

  /** @param {string} path */
  add(path) {
    const [file = '', ...folders] = listKeys(path);
    this.#files.add(file);
    for (const folder of folders) this.#folders.add(folder);
  }

  /** @param {string} path */
  has(path) {
    const [file = '', ...folders] = listKeys(path);
    return (
      this.#files.has(file) ||
      this.#folders.has(file) ||
      folders.some((folder) => this.#files.has(folder))
    );
  }
}

/**
 * The path and its folders, in a form that two names share if some disk takes them for one: case
 * and the form of accents are ignored.
 *
 * @param {string} path
 */
function listKeys(path) {
  const parts = path.normalize('NFC').toLowerCase().split('/');
  return parts.map((_part, index) => parts.slice(0, parts.length - index).join('/'));
}

/**
 * Whether a disk can have the name as it is, and nobody reads more into it: no way out of the
 * folder, no hidden file (as `.htaccess` or `.syncmedia`), no control character.
 *
 * @param {string} name folders are allowed: `2024/cat.jpg`
 */
function isSafeName(name) {
  return (
    !/[\p{Cc}\p{Cf}\p{Surrogate}\\]/u.test(name) &&
    Buffer.byteLength(name) <= maxPathBytes &&
    name
      .split('/')
      .every((one) => one !== '' && !one.startsWith('.') && Buffer.byteLength(one) <= maxNameBytes)
  );
}

/** The last part of a name, without what a disk or a shell could misread. @param {string} name */
function cleanName(name) {
  const last = name.split(/[/\\]/).at(-1) ?? '';
  // The end, which has the extension.
  return last.replaceAll(/[^\w.-]/g, '_').slice(-100) || 'file';
}

/** An id may be of any type. @param {unknown} id */
function describeId(id) {
  const text = String(id);
  return /^[0-9a-f]{24}$/.test(text)
    ? text
    : createHash('sha256')
        .update(JSON.stringify(id) ?? text)
        .digest('hex')
        .slice(0, 24);
}
