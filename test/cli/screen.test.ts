import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { Screen } from '../../src/cli/screen.js';

function makeScreen(isTTY: boolean) {
  const out = new PassThrough().setEncoding('utf8');
  const err = Object.assign(new PassThrough().setEncoding('utf8'), { isTTY, columns: 20 });
  const readAll = (stream: PassThrough): string => (stream.read() as string | null) ?? '';
  return { screen: new Screen(out, err), read: () => ({ out: readAll(out), err: readAll(err) }) };
}

describe('Screen', () => {
  test(
    'on a terminal progress is one line, cut to its width, and gone before anything else is ' +
      'written',
    () => {
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
    },
  );

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
});
