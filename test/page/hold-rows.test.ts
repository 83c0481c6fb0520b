import { describe, expect, test } from 'vitest';
import { holdRows, type HeldRow } from '../../src/page/hold-rows.js';

const row = (id: string, group = '', item = id): HeldRow<string> => ({ id, group, item });

describe('the rows of a table', () => {
  const shown = [row('a'), row('b'), row('c')];

  test('take the new order while nobody is at them', () => {
    const wanted = [row('c'), row('a')];
    expect(holdRows(shown, wanted, false)).toEqual(wanted);
  });

  test('keep their places while somebody is at them, with new contents', () => {
    const wanted = [row('c', '', 'C'), row('b', '', 'B'), row('a', '', 'A')];
    expect(holdRows(shown, wanted, true)).toEqual([
      row('a', '', 'A'),
      row('b', '', 'B'),
      row('c', '', 'C'),
    ]);
  });

  test('that are new come last, and ones that are gone stay and are marked', () => {
    const wanted = [row('d'), row('c'), row('a')];
    expect(holdRows(shown, wanted, true)).toEqual([
      row('a'),
      { ...row('b'), gone: true },
      row('c'),
      row('d'),
    ]);
  });

  test('stay in their group while somebody is at them', () => {
    const held = holdRows([row('a', 'up to date')], [row('a', 'down', 'A')], true);
    expect(held).toEqual([row('a', 'up to date', 'A')]);
  });

  test('that come back are no longer gone', () => {
    const left = holdRows(shown, [row('a')], true);
    expect(holdRows(left, shown, true)).toEqual(shown);
  });
});
