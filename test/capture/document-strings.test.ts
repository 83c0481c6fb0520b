import { mongo, Types } from 'mongoose';
import { describe, expect, test } from 'vitest';
import { collectFields, collectStrings, storedLimits } from '../../src/capture/document-strings.js';

const pairs = ({ strings }: { strings: readonly { value: string; field: string }[] }) =>
  strings.map(({ field, value }) => `${field}=${value}`);

describe('collectStrings', () => {
  test('walks arrays, Maps and nested objects, and names the fields', () => {
    expect(
      pairs(
        collectStrings({
          a: 'x',
          b: ['y', { c: 'z' }],
          m: new Map([['k', ['v']]]),
          n: Object.assign(Object.create(null) as object, { d: 'w' }),
        }),
      ),
    ).toEqual(['a=x', 'b.0=y', 'b.1.c=z', 'm.k.0=v', 'n.d=w']);
  });

  test('leaves out values that are neither strings nor containers', () => {
    expect(
      collectStrings({
        a: 1,
        b: null,
        c: new Date(),
        d: Buffer.from('x'),
        e: undefined,
        f: Symbol('x'),
        g: () => 'x',
        h: /x/,
        i: new Types.ObjectId(),
        j: new mongo.Code('x'),
      }),
    ).toMatchObject({ strings: [], complete: true });
  });

  test('reads instances of classes as BSON stores them', () => {
    const path = new (class {
      file = 'x';
      #secret = 's';
      see(): string {
        return this.#secret;
      }
    })();
    const told = new (class {
      file = 'f';
      toBSON(): unknown {
        return { stored: this.file };
      }
    })();
    expect(pairs(collectStrings({ path, told, text: { toBSON: () => 'y' } }))).toEqual([
      'path.file=x',
      'told.stored=f',
      'text=y',
    ]);
    expect(pairs(collectFields({ told }, ['told.stored', 'told.file']))).toEqual(['told.stored=f']);
  });

  test('ends in cycles, and sees shared objects twice', () => {
    const shared = { s: 'x' };
    const document: Record<string, unknown> = { one: shared, two: shared };
    document['self'] = document;
    expect(pairs(collectStrings(document))).toEqual(['one.s=x', 'two.s=x']);
  });

  test('stops at 1,000 strings and at 32 levels, and says so', () => {
    const exactly = collectStrings(Array.from({ length: 1_000 }, (_, index) => String(index)));
    expect([exactly.strings.length, exactly.complete]).toEqual([1_000, true]);
    const more = collectStrings(Array.from({ length: 1_001 }, (_, index) => String(index)));
    expect([more.strings.length, more.complete]).toEqual([1_000, false]);
    let deep: unknown = 'bottom';
    for (let level = 0; level < 32; level++) deep = [deep];
    expect(collectStrings(deep)).toMatchObject({ complete: true, strings: [{ value: 'bottom' }] });
    expect(collectStrings([deep])).toMatchObject({ complete: false, strings: [] });
  });

  test('leaves nothing out of a stored document', () => {
    let deep: unknown = 'bottom';
    for (let level = 0; level < 150; level++) deep = [deep];
    const { strings, complete } = collectStrings(
      [deep, ...Array.from({ length: 2_000 }, (_, index) => String(index))],
      storedLimits,
    );
    expect([strings.length, complete, strings[0]?.value]).toEqual([2_001, true, 'bottom']);
    expect(
      collectFields(
        { gallery: Array.from({ length: 2_000 }, () => 'x') },
        ['gallery'],
        storedLimits,
      ).strings,
    ).toHaveLength(2_000);
  });
});

describe('collectFields', () => {
  const document = {
    photo: 'p',
    gallery: [{ file: 'g0', note: 'n' }, { file: 'g1' }, {}],
    matrix: [[{ file: 'm' }]],
    map: new Map([['k', { file: 'k' }]]),
    nested: { a: { b: ['x', 'y'] } },
  };

  test.each([
    ['photo', ['p']],
    ['gallery.file', ['g0', 'g1']],
    ['gallery.1.file', ['g1']],
    ['matrix.file', ['m']],
    ['map.k.file', ['k']],
    ['nested.a', ['x', 'y']],
    ['nested.a.b.1', ['y']],
    ['missing', []],
    ['photo.deeper', []],
    ['gallery.9.file', []],
    ['constructor', []],
    ['__proto__.x', []],
  ])('%s', (field, values) => {
    const { strings } = collectFields(document, [field]);
    expect(strings.map(({ value }) => value)).toEqual(values);
    for (const string of strings) expect(string.field.startsWith(field)).toBe(true);
  });

  test('ends in cycles', () => {
    const cycle: unknown[] = [];
    cycle.push(cycle, { file: 'x' });
    expect(collectFields({ cycle }, ['cycle.file'])).toMatchObject({ complete: false });
  });

  test('several fields', () => {
    expect(
      collectFields(document, ['photo', 'nested.a.b']).strings.map(({ value }) => value),
    ).toEqual(['p', 'x', 'y']);
  });
});
