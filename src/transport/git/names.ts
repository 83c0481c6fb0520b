import type { RecordedAs } from '../../model/history.js';

/*
 * Paths of the site as names in git's trees. Visitors choose file names, and git gives some names
 * a meaning: `.git`, `.gitmodules`, and what HFS+ or NTFS would take for them (fsck.c, path.c of
 * git). A push that contains such a name is refused, and so is every later one. So each segment
 * is escaped, and the escaping can be undone.
 */

/** The folder of git's trees for each kind of record. */
const FOLDERS: Readonly<Record<RecordedAs, string>> = {
  stored: 'files',
  named: 'named',
  removed: 'removed',
};

/** Code points that HFS+ ignores in names: `.g<U+200C>it` is `.git` there (utf8.c of git). */
const IGNORED_BY_HFS = '\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff';
/** Control characters would break lines of git's input; NTFS gives `:` and `\\` a meaning. */
const ESCAPED = new RegExp(`[%\\\\:\\u0000-\\u001f\\u007f${IGNORED_BY_HFS}]`, 'g');

/** Escapes a path for git's trees. `unescapePath` reverses it. */
export function escapePath(path: string): string {
  return path.split('/').map(escapeSegment).join('/');
}

/** @throws URIError if `escapePath` never returned this name */
export function unescapePath(name: string): string {
  return decodeURIComponent(name);
}

function escapeSegment(segment: string): string {
  const plain = segment.replace(ESCAPED, escapeCharacters);
  // NTFS has short names for git's own files: `GIT~1`, `GITMOD~1`, `GI7EBA~1`.
  const isGits = plain.startsWith('.') || /^gi[^/]*~/i.test(plain);
  return isGits ? escapeCharacters(plain.slice(0, 1)) + plain.slice(1) : plain;
}

function escapeCharacters(characters: string): string {
  return [...Buffer.from(characters)]
    .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
    .join('');
}

/**
 * The name of a version in git's trees: `files/<path>/<version>`. Each version has a name of its
 * own, so one with the bytes of its predecessor is a change as well.
 */
export function makeTreeName(one: { path: string; version: string; as: RecordedAs }): string {
  return `${FOLDERS[one.as]}/${escapePath(one.path)}/${one.version}`;
}

/** The folders that contain all versions of a path. */
export function listTreeFolders(path: string): string[] {
  return Object.values(FOLDERS).map((folder) => `${folder}/${escapePath(path)}`);
}

/** Quotes a name for fast-import, which takes all bytes but these as they are. */
export function quoteName(name: string): string {
  return `"${name.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"`;
}
