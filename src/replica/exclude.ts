import { SyncMediaError } from '../model/errors.js';
import { OWN_FOLDER } from './paths.js';
import { Wildcards } from './wildcards.js';

/** Limits a single pattern. It is longer than any path that could match. */
const MAX_PATTERN_BYTES = 4096;
/**
 * Limits all patterns of a sync dir together. Each one is compared with every path, and is an
 * argument of rsync.
 */
const MAX_ALL_BYTES = 64 * 1024;

/**
 * The exclude patterns of a sync dir. They mean the same as in rsync (its man page, "PATTERN
 * MATCHING RULES"). Names are relative to the sync dir.
 */
export interface ExcludeMatcher {
  /** Whether the name, or one of its parent directories, is excluded. */
  isExcluded(this: void, name: string, isDirectory: boolean): boolean;
  /** Returns the pattern that excludes the name or one of its parent directories. */
  findPattern(this: void, name: string, isDirectory: boolean): string | undefined;
  /**
   * Whether the name itself is excluded. That is enough for a walk that enters no excluded
   * directory.
   */
  matches(this: void, name: string, isDirectory: boolean): boolean;
}

/** A name or one of its parent directories. `end` is the number of its bytes. */
interface NamePart {
  readonly text: string;
  readonly end: number;
  readonly isDirectory: boolean;
}

type PatternMatcher = (part: NamePart, whole: NameWithParents) => boolean;

/**
 * A name together with its parent directories. Each pattern walks over it once, however many
 * parents there are.
 */
class NameWithParents {
  private encoded: Uint8Array | undefined;
  private readonly ends = new Map<Wildcards, Uint8Array>();

  constructor(private readonly text: string) {}

  get bytes(): Uint8Array {
    return (this.encoded ??= Buffer.from(this.text));
  }

  /** @param text returns the bytes in the form that the pattern expects */
  findEnds(wildcards: Wildcards, text: () => Uint8Array, afterAnySlash: boolean): Uint8Array {
    const known = this.ends.get(wildcards) ?? wildcards.listEnds(text(), afterAnySlash);
    this.ends.set(wildcards, known);
    return known;
  }
}

/**
 * @throws BAD_OPTION, naming a pattern that is empty, too long, or more than a pattern to rsync;
 *   or if all patterns together are too long
 */
export function compileExclude(patterns: readonly string[]): ExcludeMatcher {
  refuseTooMany(patterns);
  const matchers = patterns.map((pattern) => ({
    pattern,
    matcher: compilePattern(refuseSyntax(pattern)),
  }));
  const match = (part: NamePart, whole: NameWithParents): string | undefined => {
    if (part.text.slice(part.text.lastIndexOf('/') + 1) === OWN_FOLDER) return OWN_FOLDER;
    return matchers.find(({ matcher }) => matcher(part, whole))?.pattern;
  };
  const matchLast = (
    name: string,
    isDirectory: boolean,
    whole = new NameWithParents(name),
  ): string | undefined => match({ text: name, end: Buffer.byteLength(name), isDirectory }, whole);
  const findPattern = (name: string, isDirectory: boolean): string | undefined => {
    const whole = new NameWithParents(name);
    for (
      let slash = name.indexOf('/'), before = 0, end = 0;
      slash !== -1;
      before = slash, slash = name.indexOf('/', slash + 1)
    ) {
      end += Buffer.byteLength(name.slice(before, slash));
      const pattern = match({ text: name.slice(0, slash), end, isDirectory: true }, whole);
      if (pattern !== undefined) return pattern;
    }
    return matchLast(name, isDirectory, whole);
  };
  return {
    findPattern,
    isExcluded: (name, isDirectory) => findPattern(name, isDirectory) !== undefined,
    matches: (name, isDirectory) => matchLast(name, isDirectory) !== undefined,
  };
}

/**
 * Returns the patterns as rsync arguments. The `.syncmedia` folder comes first, at any depth,
 * because a sync dir can lie in another one.
 *
 * @throws as compileExclude
 */
export function makeExcludeArguments(patterns: readonly string[]): string[] {
  refuseTooMany(patterns);
  return [OWN_FOLDER, ...patterns.map(refuseSyntax)].map((pattern) => `--exclude=${pattern}`);
}

function refuseSyntax(pattern: string): string {
  const wrong =
    pattern === ''
      ? 'is empty'
      : /^([-+!] |!$)/.test(pattern)
        ? 'is a filter rule, not a pattern'
        : /[\n\r\0]/.test(pattern)
          ? 'holds a line break or NUL'
          : Buffer.byteLength(pattern) > MAX_PATTERN_BYTES
            ? `is longer than ${String(MAX_PATTERN_BYTES)} bytes`
            : undefined;
  if (wrong === undefined) return pattern;
  throw new SyncMediaError(
    'BAD_OPTION',
    `exclude: ${JSON.stringify(pattern.slice(0, 300))} ${wrong}; give rsync exclude patterns ` +
      `such as "*.tmp" or "/cache/".`,
  );
}

function refuseTooMany(patterns: readonly string[]): void {
  const bytes = patterns.reduce((sum, pattern) => sum + Buffer.byteLength(pattern) + 1, 0);
  if (bytes > MAX_ALL_BYTES)
    throw new SyncMediaError(
      'BAD_OPTION',
      `exclude: ${String(patterns.length)} patterns have ${String(bytes)} bytes, and all of a ` +
        `sync dir may have ${String(MAX_ALL_BYTES)}; give fewer with wildcards, such as "/cache/".`,
    );
}

function compilePattern(given: string): PatternMatcher {
  const directoriesOnly = given.length > 1 && given.endsWith('/');
  const pattern = directoriesOnly ? given.slice(0, -1) : given;
  const matcher = /[*?[]/.test(pattern) ? compileWild(pattern) : compileLiteral(pattern);
  return directoriesOnly ? (part, whole) => part.isDirectory && matcher(part, whole) : matcher;
}

/**
 * In a pattern without wildcards a backslash is a backslash. The pattern matches the last
 * segments of the name.
 */
function compileLiteral(pattern: string): PatternMatcher {
  if (pattern.startsWith('/')) {
    const anchored = pattern.slice(1);
    return ({ text }) => text === anchored;
  }
  const tail = `/${pattern}`;
  return ({ text }) => text === pattern || text.endsWith(tail);
}

function compileWild(pattern: string): PatternMatcher {
  const anchored = pattern.startsWith('/');
  const wildcards = new Wildcards(anchored ? pattern.slice(1) : pattern);
  const slashes = pattern.split('/').length - 1;
  if (!pattern.includes('**')) {
    if (anchored)
      return ({ end }, whole) => whole.findEnds(wildcards, () => whole.bytes, false)[end] === 1;
    return ({ end }, whole) => {
      const start = findTailStart(whole.bytes, end, slashes + 1);
      return start !== undefined && wildcards.matches(whole.bytes, start, end);
    };
  }
  // `**` passes slashes, so the pattern is matched against the whole name. A leading `**` also
  // matches as if a slash stood before the name. Elsewhere the match may also begin after any
  // slash. `dir/***` matches the directory itself too.
  const leading = pattern.startsWith('**'),
    before = leading ? 1 : 0;
  const self = pattern.endsWith('***');
  return ({ end, isDirectory }, whole) => {
    const ends = whole.findEnds(
      wildcards,
      () => Buffer.concat([Buffer.from(leading ? '/' : ''), whole.bytes, Buffer.from('/')]),
      !anchored && !leading,
    );
    return ends[before + end + (self && isDirectory ? 1 : 0)] === 1;
  };
}

/** Returns where the last `count` segments before `end` begin; undefined if there are fewer. */
function findTailStart(name: Uint8Array, end: number, count: number): number | undefined {
  let left = count;
  for (let at = end - 1; at >= 0; at--) {
    if (name[at] === 0x2f && --left === 0) return at + 1;
  }
  return left === 1 ? 0 : undefined;
}
