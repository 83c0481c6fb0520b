import { describe, expect, test } from 'vitest';
import type { CaptureContext } from '../../src/capture/capturing.js';
import {
  type CaptureContent,
  coversContents,
  makeCaptures,
} from '../../src/capture/make-captures.js';
import type { Path } from '../../src/model/path.js';

const paths = (...names: string[]) => names as Path[];
const content = (
  id: string | undefined,
  touched: string[],
  left: string[] = [],
  complete = true,
): CaptureContent => ({
  ...(id !== undefined && { savedBy: { model: 'Photo', id } }),
  touched: paths(...touched),
  unreferenced: paths(...left),
  complete,
});
const options = { rescan: 30, syncDirs: paths('uploads', 'docs') };
const capturing = { hostId: 'host-a', dueMs: 30_000 } as CaptureContext;

describe('makeCaptures', () => {
  const make = (
    contents: CaptureContent[],
    rescans = true,
    given: Parameters<typeof makeCaptures>[1] = options,
  ) =>
    makeCaptures(contents, given, capturing, rescans).map(
      ({ savedBy, touched, unreferenced: left, rescan }) => ({
        id: savedBy?.id,
        touched,
        unreferenced: left,
        rescan: rescan.map(({ after }) => after),
      }),
    );

  test('makes a row per document that names something, and the first requests a rescan', () => {
    expect(make([content('1', ['a'], ['b']), content('2', []), content('3', ['c'])])).toEqual([
      { id: '1', touched: ['a'], unreferenced: ['b'], rescan: [30, 30] },
      { id: '3', touched: ['c'], unreferenced: [], rescan: [] },
    ]);
  });

  test('requests a rescan at once if no file was named, or not everything was examined', () => {
    expect(make([content('1', [])])).toEqual([
      { id: '1', touched: [], unreferenced: [], rescan: [0, 0] },
    ]);
    expect(make([content('1', []), content('2', [])])).toEqual([
      { id: undefined, touched: [], unreferenced: [], rescan: [0, 0] },
    ]);
    expect(make([content('1', ['a']), content('2', [], [], false)])).toEqual([
      { id: '1', touched: ['a'], unreferenced: [], rescan: [0, 0] },
    ]);
    expect(make([content('1', [], ['a'])])).toEqual([
      { id: '1', touched: [], unreferenced: ['a'], rescan: [0, 0] },
    ]);
  });

  test('requests no rescan if the operation only removes names, or the app wants none', () => {
    expect(make([content('1', [], ['a'])], false)).toEqual([
      { id: '1', touched: [], unreferenced: ['a'], rescan: [] },
    ]);
    expect(make([content('1', [])], false)).toEqual([]);
    expect(make([content('1', [])], true, { ...options, rescan: undefined })).toEqual([]);
  });

  test('splits captures that are too large for one row', () => {
    const many = Array.from({ length: 2_500 }, (_, index) => `p${String(index)}`);
    const rows = make([content('1', many, ['x'])]);
    expect(
      rows.map(({ touched, unreferenced: left, rescan }) => [
        touched.length,
        left.length,
        rescan.length,
      ]),
    ).toEqual([
      [1_000, 1, 2],
      [1_000, 0, 0],
      [500, 0, 0],
    ]);
    expect(rows.flatMap(({ touched }) => touched)).toEqual(many);
  });
});

describe('coversContents', () => {
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
    expect(coversContents(stored, now)).toBe(expected);
  });
});
