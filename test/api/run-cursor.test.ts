import { expect, test } from 'vitest';
import { formatRunCursor, parseRunCursor } from '../../src/api/run-cursor.js';

test('the place of a run in the list is read as it was written', () => {
  const run = { requestedAt: new Date(1_700_000_000_123), id: 'b61f-2' };
  expect(parseRunCursor(formatRunCursor(run))).toEqual(run);
});

test.each(['', 'x', '1', '-a', '1-', '1-$ne', '99999999999999999-a', '1-a\n'])(
  '%j is no place in it',
  (text) => {
    expect(() => parseRunCursor(text)).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }));
  },
);
