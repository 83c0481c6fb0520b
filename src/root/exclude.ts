import { SyncMediaError } from '../errors/errors.js';
import { OWN_FOLDER } from './paths.js';
import { Wildcards } from './wildcards.js';

/** Longer than any path that could match. */
const MAX_PATTERN_BYTES = 4096;

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

type Matcher = (name: string, isDirectory: boolean, bytes: () => Uint8Array) => boolean;

/** @throws BAD_OPTION naming a pattern that is empty, too long, or that rsync would take for more than a pattern */
export function compileExclude(patterns: readonly string[]): Exclude {
  const matchers = patterns.map((pattern) => ({ pattern, matcher: compilePattern(refuseSyntax(pattern)) }));
  const match = (name: string, isDirectory: boolean): string | undefined => {
    let encoded: Uint8Array | undefined;
    const bytes = (): Uint8Array => (encoded ??= Buffer.from(name));
    if (name.slice(name.lastIndexOf('/') + 1) === OWN_FOLDER) return OWN_FOLDER;
    return matchers.find(({ matcher }) => matcher(name, isDirectory, bytes))?.pattern;
  };
  const findPattern = (name: string, isDirectory: boolean): string | undefined => {
    for (let slash = name.indexOf('/'); slash !== -1; slash = name.indexOf('/', slash + 1)) {
      const pattern = match(name.slice(0, slash), true);
      if (pattern !== undefined) return pattern;
    }
    return match(name, isDirectory);
  };
  return {
    findPattern, isExcluded: (name, isDirectory) => findPattern(name, isDirectory) !== undefined, matches: (name, isDirectory) => match(name, isDirectory) !== undefined,
  };
}

/**
 * The same for an rsync command line. Our own folder comes first, at any depth, because a sync dir can lie in another one.
 *
 * @throws as compileExclude
 */
export function excludeArguments(patterns: readonly string[]): string[] {
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

function compilePattern(given: string): Matcher {
  const directoriesOnly = given.length > 1 && given.endsWith('/');
  const pattern = directoriesOnly ? given.slice(0, -1) : given;
  const matcher = /[*?[]/.test(pattern) ? compileWild(pattern) : compileLiteral(pattern);
  return directoriesOnly ? (name, isDirectory, bytes) => isDirectory && matcher(name, isDirectory, bytes) : matcher;
}

/** Without a wildcard a backslash is a backslash, and the pattern is the name's tail, in whole segments. */
function compileLiteral(pattern: string): Matcher {
  if (pattern.startsWith('/')) {
    const anchored = pattern.slice(1);
    return (name) => name === anchored;
  }
  const tail = `/${pattern}`;
  return (name) => name === pattern || name.endsWith(tail);
}

function compileWild(pattern: string): Matcher {
  const anchored = pattern.startsWith('/');
  const wildcards = new Wildcards(anchored ? pattern.slice(1) : pattern);
  const slashes = pattern.split('/').length - 1;
  if (!pattern.includes('**')) {
    if (anchored) return (_name, _isDirectory, bytes) => wildcards.matches(bytes(), 0, false);
    return (_name, _isDirectory, bytes) => {
      const start = startOfTail(bytes(), slashes + 1);
      return start !== undefined && wildcards.matches(bytes(), start, false);
    };
  }
  // `**` passes slashes, so the pattern is matched against the whole name: a leading one also against the name's start as if
  // a slash stood there, one elsewhere also from after any slash. `dir/***` matches the directory itself too.
  const leading = pattern.startsWith('**');
  const self = pattern.endsWith('***');
  return (_name, isDirectory, bytes) => {
    const before = leading ? '/' : '', after = self && isDirectory ? '/' : '';
    const text = before + after === '' ? bytes() : Buffer.concat([Buffer.from(before), bytes(), Buffer.from(after)]);
    return wildcards.matches(text, 0, !anchored && !leading);
  };
}

/** Where the last `count` segments begin; undefined where there are fewer. */
function startOfTail(name: Uint8Array, count: number): number | undefined {
  let left = count;
  for (let at = name.length - 1; at >= 0; at--) {
    if (name[at] === 0x2f && --left === 0) return at + 1;
  }
  return left === 1 ? 0 : undefined;
}
