import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compileExclude, makeExcludeArguments } from '../../src/replica/exclude.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

const run = promisify(execFile);
let dir: TestDir;
beforeAll(async () => {
  dir = await makeTestDir();
});
afterAll(() => dir.remove());

/** A tree on disk and all of its names, directories with a slash behind. */
interface Tree {
  readonly at: string;
  readonly names: readonly string[];
}

let trees = 0;
async function makeTree(files: readonly string[]): Promise<Tree> {
  const at = join(dir.path, `tree-${String(trees++)}`);
  const names = new Set<string>();
  for (const file of files) {
    await mkdir(join(at, dirname(file)), { recursive: true });
    await writeFile(join(at, file), '');
    names.add(file);
    for (let parent = dirname(file); parent !== '.'; parent = dirname(parent))
      names.add(`${parent}/`);
  }
  return { at, names: [...names].sort() };
}

/** What rsync would transfer, by its own account. */
async function askRsync(tree: Tree, patterns: readonly string[]): Promise<string[]> {
  const { stdout } = await run(
    'rsync',
    [
      '-n',
      '-r',
      '-8',
      '--out-format=%n',
      ...makeExcludeArguments(patterns),
      '--',
      `${tree.at}/`,
      join(dir.path, 'nowhere'),
    ],
    { env: { PATH: process.env['PATH'], LC_ALL: 'C' }, encoding: 'utf8' },
  );
  return stdout
    .split('\n')
    .filter((name) => name !== '' && name !== './')
    .sort();
}

function askOurs(tree: Tree, patterns: readonly string[]): string[] {
  const { isExcluded } = compileExclude(patterns);
  return tree.names.filter(
    (name) => !(name.endsWith('/') ? isExcluded(name.slice(0, -1), true) : isExcluded(name, false)),
  );
}

const files = [
  'a',
  'b',
  'ab',
  'abc',
  'a.tmp',
  '-a',
  'a b',
  'é',
  'éa',
  '[a]',
  'a\\b',
  '*',
  '***',
  '?',
  'A',
  '1',
  '_',
  '!',
  '^a',
  ']',
  'x/a',
  'x/b',
  'x/ab',
  'x/y/a',
  'x/y/b',
  'x/y/ab',
  'x/y/z/a',
  'x/y/z/b.tmp',
  'y/a',
  'y/x/a',
  'y/z',
  'dir/a',
  'dir/dir/a',
  'dir/dir/dir',
  'foo/dir/bar',
  'cache/a',
  'x/cache/b',
  'x/xcache',
  'x/cache.tmp/c',
  'x/.syncmedia/id',
  '.syncmedia/tmp/a',
  'x/a*b',
  'x/a\\*b',
  'q/\\b',
  'q/b\\',
  'x/*/a',
  'x/**',
  'n/🐢',
  'n/-x',
  'n/ ',
  'n/a:b',
  'n/[:alpha:]',
];

const patterns = [
  'a',
  'ab',
  '/a',
  '/ab',
  'x',
  '/x',
  'x/',
  '/x/',
  'a/',
  '/a/',
  'x/a',
  '/x/a',
  'x/y',
  'x/y/',
  'y/a',
  '/y/a',
  'x/y/a',
  '/',
  '//',
  '/x//',
  'x//a',
  '.',
  './a',
  '..',
  '*',
  '/*',
  '*/',
  '/*/',
  '**',
  '/**',
  '**/',
  '***',
  '/***',
  'x/*',
  'x/**',
  'x/***',
  '/x/*',
  '/x/**',
  '/x/***',
  'dir/***',
  '/dir/***',
  'dir/**',
  'dir/*',
  'dir***',
  'di***',
  '*/a',
  '/*/a',
  '**/a',
  '/**/a',
  '*/*',
  '*/*/a',
  '**a',
  '/**a',
  'a**',
  '/a**',
  'x**a',
  '/x**a',
  'x**/a',
  'x/**/a',
  '/x/**/a',
  '**/y/**',
  '**/x',
  '**x',
  '*b**',
  '*y**b',
  'y**',
  '?',
  '/?',
  '??',
  'x/?',
  '?/a',
  '?/?/?',
  '*?',
  'é',
  '?a',
  'é*',
  '*.tmp',
  '*.tmp/',
  'a.*',
  '/*.tmp',
  'x/*.tmp',
  'cache',
  'cache/',
  '/cache',
  '*cache',
  '*cache/',
  'x/cache*',
  '[a]',
  '[ab]',
  '[!a]',
  '[^a]',
  '/[^a]',
  '[a-z]',
  '[z-a]',
  '[a-]',
  '[-a]',
  '[]]',
  '[]a]',
  '[!]]',
  '[!]a]*',
  '[a',
  'a[',
  '[',
  '[]',
  '[!',
  '[[]a]',
  '[[]a[]]',
  '[\\]]',
  '[\\a]',
  '[a\\-z]',
  '[[:alpha:]]',
  '[[:alpha:]',
  '[[:alpha:]][[:alpha:]]',
  '[[:nope:]]',
  '[[::]]',
  '[[:]',
  '[[:]]',
  '[:alpha:]',
  '[![:alpha:]]',
  '[[:digit:]_]',
  '[[:upper:]]',
  '[[:punct:]]',
  '[[:lower:]-z]',
  '[[:alnum:]]',
  '[[:space:]]',
  '[[:blank:]]',
  '[[:print:]]*',
  '[[:graph:]]',
  '[[:cntrl:]]',
  '[[:xdigit:]]',
  '[a-c-z]',
  '[a/]',
  '/[a/]',
  '/x/[a/]',
  'x[/]a',
  'x[!b]a',
  '[x/]/a',
  'x/[a-b]',
  '\\a',
  'a\\b',
  'a\\\\b',
  'a\\\\b*',
  '\\*',
  '\\**',
  '*\\*',
  '\\?',
  '\\[a]',
  '\\[a\\]*',
  '[[]a\\]',
  'q/\\b',
  'q/\\\\b*',
  'b\\',
  '*\\',
  '*\\\\',
  'x/a\\*b',
  'x/a\\**b',
  'x/\\*/a',
  'x/\\**',
  '-a',
  '!a',
  '!!',
  '-',
  '+',
  '+a',
  ' ',
  'a ',
  'n/ ',
  '#a',
  ';a',
  'n/-x',
  '🐢',
  'n/🐢',
  '????',
  '.syncmedia',
  '/.syncmedia/',
  'x/.syncmedia',
  'a:b',
  'n/[:alpha:]',
  'merge a',
  '. a',
  ': a',
];

describe('means what it means to rsync', () => {
  let tree: Tree;
  beforeAll(async () => {
    tree = await makeTree(files);
  });

  test.each(patterns)('%s', async (pattern) => {
    expect(askOurs(tree, [pattern])).toEqual(await askRsync(tree, [pattern]));
  });

  test('several patterns, and none', async () => {
    for (const several of [[], ['a', '*.tmp'], ['/x/*', '!a', 'dir/'], ['*/', 'b']])
      expect(askOurs(tree, several)).toEqual(await askRsync(tree, several));
  });

  test('random patterns on random trees', async () => {
    const name = fc
      .array(fc.constantFrom('a', 'b', 'c', '-', '.', '*', '[', ']', '\\', 'é', '!', '?'), {
        minLength: 1,
        maxLength: 4,
      })
      .map((letters) => letters.join(''))
      .filter((text) => text !== '.' && text !== '..');
    const file = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
    const piece = fc.constantFrom(
      'a',
      'b',
      'c',
      'é',
      '-',
      '.',
      '/',
      '/',
      '/',
      '*',
      '*',
      '**',
      '***',
      '?',
      '[ab]',
      '[!a]',
      '[^b-]',
      '[a-c]',
      '[[:alpha:]]',
      '[',
      ']',
      '!',
      '\\',
      '\\*',
      '[]',
    );
    const pattern = fc
      .array(piece, { minLength: 1, maxLength: 7 })
      .map((pieces) => pieces.join(''))
      .filter((text) => !/^([-+!] |!$)/.test(text));
    const given = fc.record({
      files: fc.array(file, { minLength: 1, maxLength: 12 }),
      patterns: fc.array(pattern, { minLength: 1, maxLength: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(given, async (random) => {
        // A name cannot be a file and a directory.
        const taken = random.files.filter(
          (one) => !random.files.some((other) => other.startsWith(`${one}/`)),
        );
        const tree = await makeTree(taken);
        expect(askOurs(tree, random.patterns)).toEqual(await askRsync(tree, random.patterns));
      }),
      { numRuns: Number(process.env['EXCLUDE_RUNS'] ?? 60) },
    );
  }, 600_000);
});

describe('compileExclude', () => {
  test.each(['', '+ a', '- a', '! a', '!', 'a\nb', 'a\0b', 'a\rb', 'x'.repeat(4097)])(
    'refuses %j',
    (pattern) => {
      const refusal: unknown = expect.objectContaining({
        code: 'BAD_OPTION',
        message: expect.stringContaining(JSON.stringify(pattern.slice(0, 300))) as string,
      });
      expect(() => compileExclude(['*.tmp', pattern])).toThrow(refusal);
      expect(() => makeExcludeArguments([pattern])).toThrow(refusal);
    },
  );

  test('our own folder is always excluded, at any depth', () => {
    const { isExcluded, matches } = compileExclude([]);
    expect(isExcluded('.syncmedia', true)).toBe(true);
    expect(isExcluded('photos/.syncmedia/trash/a', false)).toBe(true);
    expect(matches('photos/.syncmedia', true)).toBe(true);
    expect(isExcluded('photos/a.syncmedia', false)).toBe(false);
  });

  test('a name in as many directories as a path can have is matched in the time of its length, which a visitor may ask for', () => {
    const { isExcluded } = compileExclude([
      '**/cache/**',
      '**/.git/***',
      'a/**/b/**/c',
      '/*/*/x/*',
      '*.tmp',
      'x/*',
      '*~',
      'node_modules/',
    ]);
    const names = Array.from({ length: 500 }, (_, i) => `${'a/'.repeat(990)}${String(i)}`);
    // If each directory cost as much as the whole name, this would take minutes.
    expect(names.filter((name) => isExcluded(name, false))).toEqual([]);
    expect(isExcluded(`${'a/'.repeat(900)}cache/${'a/'.repeat(80)}a`, false)).toBe(true);
  }, 60_000);

  test('patterns that are too long together are refused, before anything is made of them', () => {
    const refusal: unknown = expect.objectContaining({
      code: 'BAD_OPTION',
      message: expect.stringContaining('65536') as string,
    });
    const many = Array.from({ length: 4_000 }, () => 'a*'.repeat(2_000));
    expect(() => compileExclude(many)).toThrow(refusal);
    expect(() => makeExcludeArguments(many)).toThrow(refusal);
  });

  test('a pattern made to be slow is matched in the time of its length', () => {
    const { isExcluded } = compileExclude([`${'*a'.repeat(200)}b`, `${'**a'.repeat(200)}b`]);
    expect(isExcluded(`${'a'.repeat(250)}/${'a'.repeat(250)}`, false)).toBe(false);
  });
});

test('excludeArguments puts our own folder first, each pattern behind an equals sign', () => {
  expect(makeExcludeArguments(['-x', '*.tmp'])).toEqual([
    '--exclude=.syncmedia',
    '--exclude=-x',
    '--exclude=*.tmp',
  ]);
});
