import { describe, expect, test } from 'vitest';
import { formatCsv, formatPairs, formatTable } from '../../src/cli/table.js';

describe('formatTable', () => {
  test('lines columns up and leaves nothing at the line ends', () => {
    expect(
      formatTable(
        ['HOST', 'PENDING', ''],
        [
          ['web1', '12', ''],
          ['a-longer-name', '3', 'x'],
        ],
      ),
    ).toBe('HOST           PENDING\nweb1           12\na-longer-name  3        x\n');
  });

  test('a cell stays on its line, and commands nothing to a terminal', () => {
    expect(formatTable(['PATH'], [['a\nb\x1b[2J\x9b']])).toBe('PATH\na\\nb\\x1b[2J\\x9b\n');
  });

  test('without rows it is its headings', () => {
    expect(formatTable(['A', 'B'], [])).toBe('A  B\n');
  });
});

test('formatPairs puts values below each other', () => {
  expect(
    formatPairs([
      ['run', 'r1'],
      ['transferred', ''],
    ]),
  ).toBe('run          r1\ntransferred\n');
});

test('formatCsv quotes only the values that need it', () => {
  expect(
    formatCsv(
      ['a', 'b'],
      [
        ['1,2', 'say "x"'],
        ['line\nbreak', 'plain'],
      ],
    ),
  ).toBe('a,b\n"1,2","say ""x"""\n"line\nbreak",plain\n');
});
