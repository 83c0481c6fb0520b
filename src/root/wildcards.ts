/**
 * One step of a wildcard pattern: the bytes it accepts (a table of 256), once, or any number of times, none included.
 * rsync matches bytes, so `?` is one byte of a letter that UTF-8 writes with two.
 */
interface Step { readonly accepts: Uint8Array; readonly repeats: boolean }

const SLASH = 0x2f;
const [STAR, QUESTION, OPEN, CLOSE, BACKSLASH, DASH, COLON, BANG, CARET] = Buffer.from('*?[]\\-:!^') as unknown as
  [number, number, number, number, number, number, number, number, number];

const letters = /[A-Za-z]/, digits = /[0-9]/;
/** POSIX character classes in the C locale, the one that rsync is run in. */
const named: Readonly<Record<string, RegExp>> = {
  alnum: /[A-Za-z0-9]/, alpha: letters, blank: /[ \t]/, cntrl: /[\x00-\x1f\x7f]/, digit: digits, graph: /[!-~]/, lower: /[a-z]/,
  print: /[ -~]/, punct: /[!-/:-@[-`{-~]/, space: /[ \t-\r]/, upper: /[A-Z]/, xdigit: /[0-9A-Fa-f]/,
};

/** A pattern with `*`, `**`, `?`, `[…]` and backslash escapes, ready to be matched. */
export class Wildcards {
  private readonly steps: readonly Step[];
  constructor(pattern: string) { this.steps = parseSteps(Buffer.from(pattern)); }

  /**
   * Whether all of `text` from `start` on matches; with `afterAnySlash` also from after any later slash. All ways of matching are
   * followed at once, so the time is bounded by the lengths multiplied, whatever the pattern.
   */
  matches(text: Uint8Array, start: number, afterAnySlash: boolean): boolean {
    const { steps } = this;
    let active = new Uint8Array(steps.length + 1);
    let next = new Uint8Array(steps.length + 1);
    this.enter(active, 0);
    for (let at = start; at < text.length; at++) {
      const byte = text[at] ?? 0;
      next.fill(0);
      for (const [index, step] of steps.entries()) {
        if (active[index] === 1 && step.accepts[byte] === 1) this.enter(next, step.repeats ? index : index + 1);
      }
      if (afterAnySlash && byte === SLASH) this.enter(next, 0);
      [active, next] = [next, active];
    }
    return active[steps.length] === 1;
  }

  /** What may repeat may also be left out. */
  private enter(active: Uint8Array, index: number): void {
    let at = index;
    active[at] = 1;
    while (this.steps[at]?.repeats === true) active[++at] = 1;
  }
}

function parseSteps(pattern: Uint8Array): Step[] {
  const steps: Step[] = [];
  let at = 0;
  while (at < pattern.length) {
    const byte = pattern[at];
    if (byte === STAR) {
      const from = at;
      while (pattern[at] === STAR) at++;
      steps.push({ accepts: at - from > 1 ? acceptAll(true) : acceptAll(false), repeats: true });
    } else if (byte === QUESTION) {
      steps.push({ accepts: acceptAll(false), repeats: false });
      at++;
    } else if (byte === OPEN) {
      const set = parseSet(pattern, at + 1);
      steps.push({ accepts: set.accepts, repeats: false });
      at = set.end;
    } else {
      if (byte === BACKSLASH) at++;
      steps.push({ accepts: acceptOne(pattern[at]), repeats: false });
      at++;
    }
  }
  return steps;
}

/** A set from after its `[`. One that is not closed or names an unknown class matches nothing, as with rsync. */
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
    if (byte === DASH && before !== undefined && pattern[at + 1] !== undefined && pattern[at + 1] !== CLOSE) {
      if (pattern[++at] === BACKSLASH) at++;
      const last = pattern[at];
      if (last === undefined) return nothing;
      if (last >= before) accepts.fill(1, before, last + 1);
      before = undefined;
    } else if (byte === OPEN && pattern[at + 1] === COLON) {
      const close = pattern.indexOf(CLOSE, at + 2);
      if (close === -1) return nothing;
      if (close > at + 2 && pattern[close - 1] === COLON) {
        const wanted = named[Buffer.from(pattern.subarray(at + 2, close - 1)).toString('latin1')];
        if (wanted === undefined) return nothing;
        for (let code = 0; code < 128; code++) if (wanted.test(String.fromCharCode(code))) accepts[code] = 1;
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

function acceptAll(slashToo: boolean): Uint8Array {
  const accepts = new Uint8Array(256).fill(1);
  if (!slashToo) accepts[SLASH] = 0;
  return accepts;
}

function acceptOne(byte: number | undefined): Uint8Array {
  const accepts = new Uint8Array(256);
  if (byte !== undefined) accepts[byte] = 1;
  return accepts;
}
