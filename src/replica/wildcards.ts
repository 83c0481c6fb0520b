/**
 * One step of a wildcard pattern. It accepts the bytes of a table of 256, either once or any
 * number of times, including none. rsync matches bytes, so `?` is one byte of a letter that has
 * two in UTF-8.
 */
interface PatternStep {
  readonly accepts: Uint8Array;
  readonly repeats: boolean;
}

const SLASH = 0x2f;
const [STAR, QUESTION, OPEN, CLOSE, BACKSLASH, DASH, COLON, BANG, CARET] = Buffer.from(
  '*?[]\\-:!^',
) as unknown as [number, number, number, number, number, number, number, number, number];

const letters = /[A-Za-z]/,
  digits = /[0-9]/;
/** POSIX character classes in the C locale, in which rsync runs. */
const characterClasses: Readonly<Record<string, RegExp>> = {
  alnum: /[A-Za-z0-9]/,
  alpha: letters,
  blank: /[ \t]/,
  cntrl: /[\x00-\x1f\x7f]/,
  digit: digits,
  graph: /[!-~]/,
  lower: /[a-z]/,
  print: /[ -~]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /[ \t-\r]/,
  upper: /[A-Z]/,
  xdigit: /[0-9A-Fa-f]/,
};

/** A compiled pattern with `*`, `**`, `?`, `[…]` and backslash escapes. */
export class Wildcards {
  private readonly steps: readonly PatternStep[];
  constructor(pattern: string) {
    this.steps = parseSteps(Buffer.from(pattern));
  }

  /** Whether all of `text` from `start` to `end` matches. */
  matches(text: Uint8Array, start: number, end: number): boolean {
    return this.listEnds(text.subarray(start, end), false)[end - start] === 1;
  }

  /**
   * Tells for each number of bytes whether the text up to there matches. With `afterAnySlash` the
   * match may also begin after any slash. All ways to match are followed at once. So the time is
   * bounded by the product of the lengths, regardless of the pattern.
   */
  listEnds(text: Uint8Array, afterAnySlash: boolean): Uint8Array {
    const { steps } = this,
      ends = new Uint8Array(text.length + 1);
    let active = new Uint8Array(steps.length + 1);
    let next = new Uint8Array(steps.length + 1);
    this.enter(active, 0);
    ends[0] = active[steps.length] ?? 0;
    for (let at = 0; at < text.length; at++) {
      const byte = text[at] ?? 0;
      next.fill(0);
      for (let index = 0; index < steps.length; index++) {
        const step = active[index] === 1 ? steps[index] : undefined;
        if (step?.accepts[byte] === 1) this.enter(next, step.repeats ? index : index + 1);
      }
      if (afterAnySlash && byte === SLASH) this.enter(next, 0);
      [active, next] = [next, active];
      ends[at + 1] = active[steps.length] ?? 0;
    }
    return ends;
  }

  /** A repeating step may also be left out. */
  private enter(active: Uint8Array, index: number): void {
    let at = index;
    active[at] = 1;
    while (this.steps[at]?.repeats === true) active[++at] = 1;
  }
}

function parseSteps(pattern: Uint8Array): PatternStep[] {
  const steps: PatternStep[] = [];
  let at = 0;
  while (at < pattern.length) {
    const byte = pattern[at];
    if (byte === STAR) {
      const from = at;
      while (pattern[at] === STAR) at++;
      steps.push({
        accepts: at - from > 1 ? getAnyByteTable(true) : getAnyByteTable(false),
        repeats: true,
      });
    } else if (byte === QUESTION) {
      steps.push({ accepts: getAnyByteTable(false), repeats: false });
      at++;
    } else if (byte === OPEN) {
      const set = parseSet(pattern, at + 1);
      steps.push({ accepts: set.accepts, repeats: false });
      at = set.end;
    } else {
      if (byte === BACKSLASH) at++;
      steps.push({ accepts: getSingleByteTable(pattern[at]), repeats: false });
      at++;
    }
  }
  return steps;
}

/**
 * Parses a set after its `[`. As in rsync, a set that is not closed or names an unknown class
 * matches nothing.
 */
function parseSet(pattern: Uint8Array, start: number): { accepts: Uint8Array; end: number } {
  const accepts = new Uint8Array(256);
  const nothing = { accepts: new Uint8Array(256), end: pattern.length };
  const negated = pattern[start] === BANG || pattern[start] === CARET;
  let at = negated ? start + 1 : start;
  let before: number | undefined;
  // The first character is taken literally even if it is `]`.
  do {
    let byte = pattern[at];
    if (byte === undefined) return nothing;
    if (
      byte === DASH &&
      before !== undefined &&
      pattern[at + 1] !== undefined &&
      pattern[at + 1] !== CLOSE
    ) {
      if (pattern[++at] === BACKSLASH) at++;
      const last = pattern[at];
      if (last === undefined) return nothing;
      if (last >= before) accepts.fill(1, before, last + 1);
      before = undefined;
    } else if (byte === OPEN && pattern[at + 1] === COLON) {
      const close = pattern.indexOf(CLOSE, at + 2);
      if (close === -1) return nothing;
      if (close > at + 2 && pattern[close - 1] === COLON) {
        const wanted =
          characterClasses[Buffer.from(pattern.subarray(at + 2, close - 1)).toString('latin1')];
        if (wanted === undefined) return nothing;
        for (let code = 0; code < 128; code++)
          if (wanted.test(String.fromCharCode(code))) accepts[code] = 1;
        before = undefined;
        at = close;
      } else {
        accepts[OPEN] = 1;
        before = OPEN;
      }
    } else {
      if (byte === BACKSLASH) byte = pattern[++at];
      if (byte === undefined) return nothing;
      accepts[byte] = 1;
      before = byte;
    }
    at++;
  } while (pattern[at] !== CLOSE);
  if (negated) for (const [code, accepted] of accepts.entries()) accepts[code] = 1 - accepted;
  accepts[SLASH] = 0;
  return { accepts, end: at + 1 };
}

/** Patterns share these tables. A long pattern would otherwise fill the memory with its own. */
const anything = new Uint8Array(256).fill(1),
  anythingButSlash = new Uint8Array(256).fill(1).fill(0, SLASH, SLASH + 1),
  nothingAtAll = new Uint8Array(256);
const singles = Array.from({ length: 256 }, (_, byte) =>
  new Uint8Array(256).fill(1, byte, byte + 1),
);

function getAnyByteTable(slashToo: boolean): Uint8Array {
  return slashToo ? anything : anythingButSlash;
}

function getSingleByteTable(byte: number | undefined): Uint8Array {
  return (byte === undefined ? undefined : singles[byte]) ?? nothingAtAll;
}
