/**
 * In the content of every file that nobody may see or change from outside; an answer that holds it
 * leaks.
 */
export const secret = 'the-content-that-nobody-may-see';

const up = ['..', '../..', '../../..', '../../../..', '../../../../../../../..'];
/** Segments and pieces of paths that lead somewhere else, or are none. */
const pieces = [
  '.',
  '..',
  '',
  ...up,
  '...',
  '.. ',
  ' ..',
  '..\u0000',
  '..\\',
  '..%2f',
  '%2e%2e',
  '%2e%2e%2f',
  '..;',
  '..\n',
  '．．',
  '․․',
  '\u2025',
  '.syncmedia',
  '.syncmedia/id',
  '.syncmedia/tmp',
  'a'.repeat(256),
  'é'.repeat(128),
  `${'ab/'.repeat(1500)}c`,
  '\ud800',
  'x\ud83d',
  'x\0y',
  '\0',
  '/',
  '//',
  '/..',
  '/.',
  'a/..',
  'a/../..',
  './..',
  './/..',
  '..//..',
  '~',
  '~root',
  '$HOME',
  '-',
  '--',
  '*',
  '\\..\\..',
  'C:\\',
  'file://',
  '__proto__',
  'constructor',
];
/** What such a piece follows. `DIR` stands for a sync dir. */
const before = [
  '',
  '/',
  './',
  'DIR/',
  'DIR/a/',
  'DIR//',
  '/DIR/',
  '.syncmedia/trash/',
  '.syncmedia/trash/x/',
  '.syncmedia/conflicts/x/',
  '.syncmedia/conflicts/',
  '.syncmedia/replaced/x/',
  'DIR/.syncmedia/',
];
/** What follows it: files that lie outside. */
const after = [
  '',
  '/',
  '/outside',
  '/../outside',
  '/secret/file',
  '/id',
  '/.ssh/authorized_keys',
  '/etc/passwd',
];

const absolute = [
  '/etc/passwd',
  '/etc/shadow',
  '/root/.ssh/authorized_keys',
  '/proc/self/environ',
  '/proc/self/root/etc/passwd',
  '/proc/self/cwd',
  '/dev/zero',
  '/dev/stdin',
  '/dev/fd/0',
  'file:///etc/passwd',
];

/** Whether it has no half of a letter, which no UTF-8 holds. */
export function isText(path: string): boolean {
  return Buffer.from(path).toString() === path;
}

/**
 * Whether no part of a sync dir can be meant: said here once more, apart from the code that is
 * tried.
 */
export function isUnsafe(path: string): boolean {
  return (
    path.startsWith('/') ||
    path.includes('\0') ||
    !isText(path) ||
    Buffer.byteLength(path) > 4096 ||
    path
      .split('/')
      .some(
        (segment) =>
          ['', '.', '..', '.syncmedia'].includes(segment) || Buffer.byteLength(segment) > 255,
      )
  );
}

/** The same of a sync dir, which may be given as `./uploads//photos/`. */
export function isUnsafeDir(path: string): boolean {
  return (
    isUnsafe(
      path
        .replace(/^(?:\.\/+)+/, '')
        .replace(/\/+$/, '')
        .replace(/\/{2,}/g, '/'),
    ) || path.startsWith('/')
  );
}

/**
 * Every combination, each once: paths and names from outside that nobody may follow. @param dir a
 * sync dir
 */
export function makePaths(dir: string): string[] {
  const all = [
    ...absolute,
    ...before.flatMap((first) =>
      pieces.flatMap((piece) => after.map((last) => `${first}${piece}${last}`)),
    ),
  ];
  // A plain word may be the name of a host; test/security/host-names.test.ts tries those.
  return [...new Set(all)]
    .filter((path) => !/^[\w:][\w.:-]*$/.test(path))
    .map((path) => path.replaceAll('DIR', dir));
}

/**
 * So many of them, spread over all combinations. @param from another number gives others, as long
 * as there are any
 */
export function pick(paths: readonly string[], count: number, from = 0): string[] {
  const step = Math.max(1, Math.floor(paths.length / count));
  return paths.filter((_, index) => index % step === from % step).slice(0, count);
}
