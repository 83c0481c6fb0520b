import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { Screen } from '../../src/cli/screen.js';

function makeScreen(isTTY: boolean, columns = 20) {
  const out = new PassThrough().setEncoding('utf8');
  const err = Object.assign(new PassThrough().setEncoding('utf8'), { isTTY, columns });
  const readAll = (stream: PassThrough): string => (stream.read() as string | null) ?? '';
  return { screen: new Screen(out, err), read: () => ({ out: readAll(out), err: readAll(err) }) };
}

describe('Screen', () => {
  test('on a terminal progress is one line, cut to its width, and gone before anything else is written', () => {
    const { screen, read } = makeScreen(true);
    screen.showProgress('1 of 3');
    screen.showProgress('2 of 3 and far more than fits');
    screen.log.warn('slow');
    screen.showProgress('3 of 3');
    screen.print('data');
    expect(read()).toEqual({
      out: 'data\n',
      err:
        '\r\x1b[K1 of 3\r\x1b[K2 of 3 and far more\r\x1b[Ksyncmedia: warning: ' +
        'slow\n\r\x1b[K3 of 3\r\x1b[K',
    });
  });

  test('on a terminal that does not know its width a short line of progress is whole', () => {
    const { screen, read } = makeScreen(true, 0);
    screen.showProgress('1 of 3');
    expect(read().err).toBe('\r\x1b[K1 of 3');
  });

  test('elsewhere progress is plain lines, not one for every step', () => {
    const { screen, read } = makeScreen(false);
    for (let step = 0; step < 1000; step++) screen.showProgress(`${String(step)} of 1000`);
    const { err } = read();
    expect(err.startsWith('0 of 1000\n')).toBe(true);
    expect(err.split('\n').length).toBeLessThan(100);
    expect(err).not.toContain('\x1b');
  });

  test('a note is one line with any content', () => {
    const { screen, read } = makeScreen(false);
    screen.printNotice('a\nb\x1b[2J');
    expect(read()).toEqual({ out: '', err: 'a\\nb\\x1b[2J\n' });
  });

  test('data shows control characters, and those that reorder text, as escapes', () => {
    const { screen, read } = makeScreen(false);
    screen.print('restored a\u202egpj.exe\x1b[2J\u2066\u200f\n');
    screen.log.warn('a\u202egpj.exe');
    expect(read()).toEqual({
      out: 'restored a\\u202egpj.exe\\x1b[2J\\u2066\\u200f\n',
      err: 'syncmedia: warning: a\\u202egpj.exe\n',
    });
  });

  test('JSON has them as escapes, and the same data', () => {
    const { screen, read } = makeScreen(false);
    const data = { path: 'a\u202egpj\x7f\x9b\u2069.exe é …' };
    screen.printJson(data);
    const { out } = read();
    expect(out).toContain('"a\\u202egpj\\u007f\\u009b\\u2069.exe é …"');
    expect(JSON.parse(out)).toEqual(data);
  });
});
