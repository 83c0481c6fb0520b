import { describe, expect, test } from 'vitest';
import type { Capturing } from '../../src/capture/capturing.js';
import { type CaptureContent, covers, makeCaptures } from '../../src/capture/make-captures.js';
import type { Path } from '../../src/model/words.js';

const paths = (...names: string[]) => names as Path[];
const content = (
  id: string | undefined,
  touched: string[],
  left: string[] = [],
  complete = true,
): CaptureContent => ({
  ...(id !== undefined && { savedBy: { model: 'Photo', id } }),
  touched: paths(...touched),
  left: paths(...left),
  complete,
});
const options = { sweep: 30, syncDirs: paths('uploads', 'docs') };
const capturing = { hostId: 'host-a', dueMs: 30_000 } as Capturing;

describe('makeCaptures', () => {
  const make = (
    contents: CaptureContent[],
    sweeps = true,
    given: Parameters<typeof makeCaptures>[1] = options,
  ) =>
    makeCaptures(contents, given, capturing, sweeps).map(({ savedBy, touched, left, sweep }) => ({
      id: savedBy?.id,
      touched,
      left,
      sweep: sweep.map(({ after }) => after),
    }));

  test('makes a row per document that names something, and the first owes the sweep', () => {
    expect(make([content('1', ['a'], ['b']), content('2', []), content('3', ['c'])])).toEqual([
      { id: '1', touched: ['a'], left: ['b'], sweep: [30, 30] },
      { id: '3', touched: ['c'], left: [], sweep: [] },
    ]);
  });

  test('owes the sweep at once where nothing is named, or not everything was looked at', () => {
    expect(make([content('1', [])])).toEqual([{ id: '1', touched: [], left: [], sweep: [0, 0] }]);
    expect(make([content('1', []), content('2', [])])).toEqual([
      { id: undefined, touched: [], left: [], sweep: [0, 0] },
    ]);
    expect(make([content('1', ['a']), content('2', [], [], false)])).toEqual([
      { id: '1', touched: ['a'], left: [], sweep: [0, 0] },
    ]);
    expect(make([content('1', [], ['a'])])).toEqual([
      { id: '1', touched: [], left: ['a'], sweep: [0, 0] },
    ]);
  });

  test('owes none where the operation only takes away, or the app wants none', () => {
    expect(make([content('1', [], ['a'])], false)).toEqual([
      { id: '1', touched: [], left: ['a'], sweep: [] },
    ]);
    expect(make([content('1', [])], false)).toEqual([]);
    expect(make([content('1', [])], true, { ...options, sweep: undefined })).toEqual([]);
  });

  test('splits what is too much for one row', () => {
    const many = Array.from({ length: 2_500 }, (_, index) => `p${String(index)}`);
    const rows = make([content('1', many, ['x'])]);
    expect(
      rows.map(({ touched, left, sweep }) => [touched.length, left.length, sweep.length]),
    ).toEqual([
      [1_000, 1, 2],
      [1_000, 0, 0],
      [500, 0, 0],
    ]);
    expect(rows.flatMap(({ touched }) => touched)).toEqual(many);
  });
});

describe('covers', () => {
  test.each<[string, CaptureContent[], CaptureContent[], boolean]>([
    ['the same', [content('1', ['a'], ['b'])], [content('1', ['a'], ['b'])], true],
    ['less is touched', [content('1', ['a', 'b'])], [content('1', ['a'])], true],
    ['more is touched', [content('1', ['a'])], [content('1', ['a', 'b'])], false],
    ['less is left', [content('1', ['a'], ['b'])], [content('1', ['a'])], false],
    ['more is left', [content('1', ['a'])], [content('1', ['a'], ['b'])], false],
    ['left by another document', [content('1', [], ['b'])], [content('2', [], ['b'])], true],
    ['the saver was not known', [content(undefined, ['a'])], [content('1', ['a'])], false],
    ['nothing to say', [content(undefined, ['a'])], [], true],
    [
      'not everything was looked at',
      [content('1', ['a'])],
      [content('1', ['a'], [], false)],
      false,
    ],
    [
      'it was not before either',
      [content('1', ['a'], [], false)],
      [content('1', ['a'], [], false)],
      true,
    ],
  ])('%s', (_what, stored, now, expected) => {
    expect(covers(stored, now)).toBe(expected);
  });
});
