import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { paint } from '../../src/cli/colours.js';
import { Layout } from '../../src/cli/layout.js';
import { Screen } from '../../src/cli/screen.js';
import { chooseStyle } from '../../src/cli/terminal.js';

const utf8 = { LANG: 'en_GB.UTF-8' };

/** What a screen writes to stdout. */
function show(text: string, variables: Record<string, string>, isTerminal = true): string {
  const out = new PassThrough().setEncoding('utf8');
  new Screen(out, new PassThrough(), chooseStyle(isTerminal, variables)).print(text);
  return (out.read() as string | null) ?? '';
}
const makeTable = (cell: string): string =>
  new Layout(true, 80).formatList('rows', ['A', 'STATE', 'B'], [['1', cell, '2']], [], () => 'bad');

describe('colours', () => {
  test('are shown on a terminal, and the columns stay where they are', () => {
    expect(show(makeTable('down'), utf8)).toBe(
      '\x1b[2mA\x1b[0m  \x1b[2mSTATE\x1b[0m  \x1b[2mB\x1b[0m\n' +
        '\x1b[31m1\x1b[0m  \x1b[31mdown\x1b[0m   \x1b[31m2\x1b[0m\n',
    );
  });

  test.each([
    ['NO_COLOR is set', { ...utf8, NO_COLOR: '1' }, true],
    ['the terminal is dumb', { ...utf8, TERM: 'dumb' }, true],
    ['stdout is no terminal', utf8, false],
  ])('are absent if %s', (_, variables, isTerminal) => {
    expect(show(makeTable('down'), variables, isTerminal)).toBe('A  STATE  B\n1  down   2\n');
  });

  test('are shown if NO_COLOR is empty, as no-color.org has it', () => {
    expect(show(paint('x', 'good'), { ...utf8, NO_COLOR: '' })).toBe('\x1b[32mx\x1b[0m\n');
  });

  test('cannot be set by a value or a sentence, which cannot begin a line either', () => {
    const hostile = 'a\ufdd1b\nNeeds you';
    const wide = new Layout(false, 80);
    for (const text of [wide.formatPairs([['file', hostile]]), wide.wrap(hostile, 6)])
      expect(show(text, utf8).slice(6)).toBe('a\ufffdb\\nNeeds you\n');
  });

  test('cannot be set by a name', () => {
    const shown = show(makeTable('\ufdd1\x1b[31mred\ufddf'), { ...utf8, NO_COLOR: '1' });
    expect(shown).toBe('A  STATE          B\n1  \ufffd\\x1b[31mred\ufffd  2\n');
    expect(show(makeTable('\ufdd1red\ufddf'), utf8)).toContain('\x1b[31m\ufffdred\ufffd\x1b[0m');
  });
});

describe('a terminal without UTF-8', () => {
  test.each([
    ['C', { LANG: 'C' }],
    ['latin-1', { LANG: 'de_DE.ISO-8859-1' }],
    ['unset', {}],
    ['overridden', { LANG: 'en_GB.UTF-8', LC_ALL: 'C' }],
  ])('gets marks of one ASCII character each, with the locale %s', (_, variables) => {
    expect(show('– … × ✓ ↓ → ·', { ...variables, NO_COLOR: '1' })).toBe('- ~ x + v > .\n');
  });

  test.each([
    ['in UTF-8', { LC_CTYPE: 'C.utf8' }, true],
    ['that is none, but a pipe', { LANG: 'C' }, false],
  ])('is not taken for a terminal %s', (_, variables, isTerminal) => {
    expect(show('– …', { ...variables, NO_COLOR: '1' }, isTerminal)).toBe('– …\n');
  });
});

test('JSON is the same whatever the terminal shows', () => {
  const out = new PassThrough().setEncoding('utf8');
  new Screen(out, new PassThrough(), { isColoured: true, isAscii: true }).printJson({
    a: '–\ufdd1',
  });
  expect(JSON.parse(out.read() as string)).toEqual({ a: '–\ufdd1' });
});
