import { describe, expect, test } from 'vitest';
import { hasErrorCode } from '../../src/model/errors.js';
import type { PluginOptions } from '../../src/config/config.js';
import { resolvePluginOptions } from '../../src/config/plugin-options.js';

function catchError(options: unknown): unknown {
  try {
    resolvePluginOptions(options as PluginOptions, 'the Photo schema');
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('resolvePluginOptions', () => {
  test('fills in the defaults', () => {
    const resolved = resolvePluginOptions({ syncDirs: './uploads//photos/' }, 'x');
    expect(resolved).toMatchObject({
      syncDirs: ['uploads/photos'],
      exclude: [],
      paths: undefined,
      rescan: 30,
      conflict: 'newer',
      onDelete: 'keep',
    });
    expect(resolved.declaredDirs()).toEqual([
      { path: 'uploads/photos', exclude: [], conflict: 'newer', onDelete: 'keep' },
    ]);
  });

  test('keeps the given values', () => {
    const paths = () => [];
    expect(
      resolvePluginOptions(
        {
          syncDirs: ['a', 'b/', 'a/'],
          exclude: '*.tmp',
          paths,
          rescan: false,
          conflict: 'keep',
          onDelete: 'propagate',
        },
        'x',
      ),
    ).toMatchObject({
      syncDirs: ['a', 'b'],
      exclude: ['*.tmp'],
      paths,
      rescan: undefined,
      conflict: 'keep',
      onDelete: 'propagate',
    });
    expect(resolvePluginOptions({ syncDirs: 'a', paths: 'photo', rescan: 0 }, 'x')).toMatchObject({
      paths: ['photo'],
      rescan: 0,
    });
  });

  test.each([
    '',
    '/',
    '/srv/uploads',
    '..',
    '../uploads',
    'a/../b',
    'a/./b',
    '.',
    './',
    'a\\b',
    'a\0b',
    '.syncmedia',
    'a/.syncmedia',
    '\ud800',
    7,
    null,
  ])('the sync dir %j is refused', (syncDirs) => {
    const error = catchError({ syncDirs });
    expect(hasErrorCode(error, 'BAD_SYNC_DIR')).toBe(true);
    expect(String(error)).toContain('the Photo schema');
    expect(String(error)).toContain(JSON.stringify(syncDirs));
  });

  test('an empty list of sync dirs is refused', () => {
    expect(hasErrorCode(catchError({ syncDirs: [] }), 'BAD_SYNC_DIR')).toBe(true);
  });

  test.each([
    [undefined, 'options are missing'],
    [null, 'options are missing'],
    ['uploads', 'options are missing'],
    [{}, 'syncDirs'],
    [{ syncDir: 'a' }, '"syncDir" (did you mean "syncDirs"?)'],
    [{ syncDirs: 'a', colour: 1 }, '"colour"'],
    [{ syncDirs: 'a', exclude: 5 }, 'exclude'],
    [{ syncDirs: 'a', exclude: [''] }, 'exclude'],
    [{ syncDirs: 'a', exclude: '+ x' }, 'filter rule'],
    [{ syncDirs: 'a', paths: [] }, 'paths'],
    [{ syncDirs: 'a', paths: 'a..b' }, 'paths'],
    [{ syncDirs: 'a', paths: {} }, 'paths'],
    [{ syncDirs: 'a', rescan: -1 }, 'rescan'],
    [{ syncDirs: 'a', rescan: '30' }, 'rescan'],
    [{ syncDirs: 'a', rescan: NaN }, 'rescan'],
    [{ syncDirs: 'a', rescan: true }, 'rescan'],
    [{ syncDirs: 'a', conflict: 'older' }, 'conflict'],
    [{ syncDirs: 'a', onDelete: 'remove' }, 'onDelete'],
  ])('%j is refused', (options, culprit) => {
    const error = catchError(options);
    expect(hasErrorCode(error, 'BAD_OPTION')).toBe(true);
    expect(String(error)).toContain('the Photo schema');
    expect(String(error)).toContain(culprit);
  });
});
