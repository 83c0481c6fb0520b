import { describe, expect, test } from 'vitest';
import { splitCommand } from '../../src/config/split-command.js';

describe('splitCommand', () => {
  test.each([
    ['pm2 reload site', ['pm2', 'reload', 'site']],
    ['  /bin/echo\t"two  words"   x\'y z\' ', ['/bin/echo', 'two  words', 'xy z']],
    ['echo "" \'\'', ['echo', '', '']],
    ['echo a\\ b "c\\"d" "e\\f" \'g\\h\'', ['echo', 'a b', 'c"d', 'e\\f', 'g\\h']],
    [
      'echo $HOME; rm -rf * && x | y > z',
      ['echo', '$HOME;', 'rm', '-rf', '*', '&&', 'x', '|', 'y', '>', 'z'],
    ],
  ])('%s', (line, argv) => {
    expect(splitCommand(line)).toEqual(argv);
  });

  test.each([
    ['', 'no program'],
    ['   ', 'no program'],
    ['""', 'no program'],
    ['echo "a', 'not closed'],
    ["echo 'a", 'not closed'],
    ['echo a\\', 'backslash'],
  ])('refuses %j', (line, why) => {
    expect(() => splitCommand(line)).toThrow(why);
  });
});
