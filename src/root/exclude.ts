import { SyncMediaError } from '../errors/errors.js';
import { OWN_FOLDER } from './paths.js';
import { Wildcards } from './wildcards.js';

/** Longer than any path that could match. */
const MAX_PATTERN_BYTES = 4096;
/** Of all patterns of a sync dir together: each is compared with every path, and is an argument of rsync. */
const MAX_ALL_BYTES = 64 * 1024;

/**
 * A sync dir's exclude patterns, which mean here what they mean to rsync (its man page, "PATTERN MATCHING RULES"). Names are
 * relative to the sync dir.
 */
export interface Exclude {
  /** Whether the name or one of the directories it lies in is excluded. */
  isExcluded(this: void, name: string, isDirectory: boolean): boolean;
  /** The pattern that excludes it. */
  findPattern(this: void, name: string, isDirectory: boolean): string | undefined;
  /** Whether the name itself is: enough for a walk that does not enter excluded directories. */
  matches(this: void, name: string, isDirectory: boolean): boolean;
}

/** A name, or a directory that it lies in: its text, the number of its bytes, and what it is. */
interface Part { readonly text: string; readonly end: number; readonly isDirectory: boolean }

type Matcher = (part: Part, whole: Whole) => boolean;

/** A name that is looked at together with the directories it lies in. However many these are, each pattern walks over it once. */
class Whole {
  private encoded: Uint8Array | undefined;
  private readonly ends = new Map<Wildcards, Uint8Array>();

  constructor(private readonly text: string) {}

  get bytes(): Uint8Array {
    return (this.encoded ??= Buffer.from(this.text));
  }

  /** @param text of the bytes, as the pattern is to meet it */
  endsOf(wildcards: Wildcards, text: () => Uint8Array, afterAnySlash: boolean): Uint8Array {
    const known = this.ends.get(wildcards) ?? wildcards.listEnds(text(), afterAnySlash);
    this.ends.set(wildcards, known);
    return known;
  }
}

/** @throws BAD_OPTION naming a pattern that is empty, too long, or that rsync would take for more than a pattern; or where all together are too long */
export function compileExclude(patterns: readonly string[]): Exclude {
  refuseTooMany(patterns);
  const matchers = patterns.map((pattern) => ({ pattern, matcher: compilePattern(refuseSyntax(pattern)) }));
  const match = (part: Part, whole: Whole): string | undefined => {
    if (part.text.slice(part.text.lastIndexOf('/') + 1) === OWN_FOLDER) return OWN_FOLDER;
    return matchers.find(({ matcher }) => matcher(part, whole))?.pattern;
  };
  const matchLast = (name: string, isDirectory: boolean, whole = new Whole(name)): string | undefined =>
    match({ text: name, end: Buffer.byteLength(name), isDirectory }, whole);
  const findPattern = (name: string, isDirectory: boolean): string | undefined => {
    const whole = new Whole(name);
    for (let slash = name.indexOf('/'), before = 0, end = 0; slash !== -1; before = slash, slash = name.indexOf('/', slash + 1)) {
      end += Buffer.byteLength(name.slice(before, slash));
      const pattern = match({ text: name.slice(0, slash), end, isDirectory: true }, whole);
      if (pattern !== undefined) return pattern;
    }
    return matchLast(name, isDirectory, whole);
  };
  return {
    findPattern, isExcluded: (name, isDirectory) => findPattern(name, isDirectory) !== undefined, matches: (name, isDirectory) => matchLast(name, isDirectory) !== undefined,
  };
}

/**
 * The same for an rsync command line. Our own folder comes first, at any depth, because a sync dir can lie in another one.
 *
 * @throws as compileExclude
 */
export function excludeArguments(patterns: readonly string[]): string[] {
  refuseTooMany(patterns);
  return [OWN_FOLDER, ...patterns.map(refuseSyntax)].map((pattern) => `--exclude=${pattern}`);
}

function refuseSyntax(pattern: string): string {
  const wrong = pattern === '' ? 'is empty'
    : /^([-+!] |!$)/.test(pattern) ? 'is a filter rule, not a pattern'
    : /[\n\r\0]/.test(pattern) ? 'holds a line break or NUL'
    : Buffer.byteLength(pattern) > MAX_PATTERN_BYTES ? `is longer than ${String(MAX_PATTERN_BYTES)} bytes`
    : undefined;
  if (wrong === undefined) return pattern;
  throw new SyncMediaError('BAD_OPTION', `exclude: ${JSON.stringify(pattern.slice(0, 300))} ${wrong}; give rsync exclude patterns such as "*.tmp" or "/cache/".`);
}

function refuseTooMany(patterns: readonly string[]): void {
  const bytes = patterns.reduce((sum, pattern) => sum + Buffer.byteLength(pattern) + 1, 0);
  if (bytes > MAX_ALL_BYTES) throw new SyncMediaError('BAD_OPTION', `exclude: ${String(patterns.length)} patterns have ${String(bytes)} bytes, and all of a sync dir may have ${String(MAX_ALL_BYTES)}; give fewer with wildcards, such as "/cache/".`);
}

function compilePattern(given: string): Matcher {
  const directoriesOnly = given.length > 1 && given.endsWith('/');
  const pattern = directoriesOnly ? given.slice(0, -1) : given;
  const matcher = /[*?[]/.test(pattern) ? compileWild(pattern) : compileLiteral(pattern);
  return directoriesOnly ? (part, whole) => part.isDirectory && matcher(part, whole) : matcher;
}

/** Without a wildcard a backslash is a backslash, and the pattern is the name's tail, in whole segments. */
function compileLiteral(pattern: string): Matcher {
  if (pattern.startsWith('/')) {
    const anchored = pattern.slice(1);
    return ({ text }) => text === anchored;
  }
  const tail = `/${pattern}`;
  return ({ text }) => text === pattern || text.endsWith(tail);
}

function compileWild(pattern: string): Matcher {
  const anchored = pattern.startsWith('/');
  const wildcards = new Wildcards(anchored ? pattern.slice(1) : pattern);
  const slashes = pattern.split('/').length - 1;
  if (!pattern.includes('**')) {
    if (anchored) return ({ end }, whole) => whole.endsOf(wildcards, () => whole.bytes, false)[end] === 1;
    return ({ end }, whole) => {
      const start = startOfTail(whole.bytes, end, slashes + 1);
      return start !== undefined && wildcards.matches(whole.bytes, start, end);
    };
  }
  // `**` passes slashes, so the pattern is matched against the whole name: a leading one also against the name's start as if
  // a slash stood there, one elsewhere also from after any slash. `dir/***` matches the directory itself too.
  const leading = pattern.startsWith('**'), before = leading ? 1 : 0;
  const self = pattern.endsWith('***');
  return ({ end, isDirectory }, whole) => {
    const ends = whole.endsOf(wildcards, () => Buffer.concat([Buffer.from(leading ? '/' : ''), whole.bytes, Buffer.from('/')]), !anchored && !leading);
    return ends[before + end + (self && isDirectory ? 1 : 0)] === 1;
  };
}

/** Where the last `count` of the segments that end at `end` begin; undefined where there are fewer. */
function startOfTail(name: Uint8Array, end: number, count: number): number | undefined {
  let left = count;
  for (let at = end - 1; at >= 0; at--) {
    if (name[at] === 0x2f && --left === 0) return at + 1;
  }
  return left === 1 ? 0 : undefined;
}
