import { describe, expect, test } from 'vitest';
import { listUpdateNames, overlayUpdate } from '../../src/capture/update-names.js';
import { resolvePluginOptions } from '../../src/config/plugin-options.js';

const any = resolvePluginOptions({ syncDirs: 'uploads' }, 'test');
const fields = resolvePluginOptions(
  { syncDirs: 'uploads', paths: ['file', 'gallery.file', 'pages.0.scan'] },
  'test',
);
const list = (update: unknown, options = fields) =>
  listUpdateNames(update, options).strings.map(({ value }) => value);

describe('listUpdateNames', () => {
  test.each<[string, unknown, string[]]>([
    ['a replacement', { file: 'a', title: 'x', gallery: [{ file: 'b', note: 'y' }] }, ['a', 'b']],
    ['$set', { $set: { file: 'a', title: 'x' } }, ['a']],
    [
      'dotted names and indexes',
      { $set: { 'gallery.3.file': 'a', 'gallery.3.note': 'x', 'pages.1.scan': 'b' } },
      ['a', 'b'],
    ],
    [
      'positional placeholders',
      { $set: { 'gallery.$.file': 'a', 'gallery.$[].file': 'b', 'gallery.$[one].file': 'c' } },
      ['a', 'b', 'c'],
    ],
    [
      '$push with $each',
      { $push: { gallery: { $each: [{ file: 'a' }, { file: 'b', note: 'x' }], $slice: 5 } } },
      ['a', 'b'],
    ],
    [
      'a whole field above',
      { $set: { gallery: [{ file: 'a' }] }, $setOnInsert: { file: 'b' } },
      ['a', 'b'],
    ],
    [
      'a pipeline',
      [{ $set: { file: 'a', title: 'x' } }, { $set: { gallery: [{ file: 'b' }] } }],
      ['a', 'b'],
    ],
    ['a field that only begins like one', { $set: { filename: 'x', file2: 'y' } }, []],
    ['nothing', undefined, []],
  ])('at the fields that `paths` names: %s', (_what, update, expected) => {
    expect(list(update)).toEqual(expected);
  });

  test('reads a Mongoose document as it is stored', () => {
    expect(list({ $__: {}, _doc: { file: 'a' }, toObject: () => ({ file: 'b' }) })).toEqual(['a']);
  });

  test('everywhere, where `paths` names none, or is a function', () => {
    const update = { $set: { title: 'x', 'gallery.0.note': 'y' } };
    expect(list(update, any)).toEqual(['x', 'y']);
    expect(
      list(
        update,
        resolvePluginOptions(
          {
            syncDirs: 'uploads',
            paths: () => {
              throw new Error('not asked');
            },
          },
          'test',
        ),
      ),
    ).toEqual(['x', 'y']);
  });
});

test('overlay applies only the fields that memory changed', () => {
  const stored = { _id: 1, file: 'old', kept: 'stored', gone: 'x', list: ['a'] };
  const memory = { _id: 1, file: 'new', kept: 'outdated', list: ['b'] };
  expect(
    overlayUpdate(stored, memory, { $set: { file: 'new', 'list.0': 'b' }, $unset: { gone: 1 } }),
  ).toEqual({ _id: 1, file: 'new', kept: 'stored', list: ['b'] });
  expect(stored.file).toBe('old');
});
