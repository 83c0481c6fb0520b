import { rm } from 'node:fs/promises';
import { join, posix } from 'node:path';
import fc from 'fast-check';
import type { Model, Schema } from 'mongoose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findPathCandidates, listSearchMarks } from '../../src/capture/candidates.js';
import type { PluggedModel } from '../../src/capture/capturing.js';
import { findNamedPaths } from '../../src/capture/find-named.js';
import { resolvePluginOptions } from '../../src/config/plugin-options.js';
import type { PluginOptions } from '../../src/config/config.js';
import type { Path } from '../../src/model/path.js';
import { makeDir, makeSite, mongooses, type Site } from './site.js';

/**
 * Property tests: exactly the names that a save finds keep a file from being deleted.
 */

type Plain = Record<string, unknown>;
type Photos = Model<Plain>;

const dirs = ['uploads', 'uploads/photos', 'docs'] as Path[];
const names = fc.constantFrom(
  'a.jpg',
  'x (1).jpg',
  'photo [1].jpg',
  '100% a.jpg',
  'é漢😀.jpg',
  'what?#.jpg',
  'a%20b.jpg',
  'a+b&c;=@,$!~\'".jpg',
  'ab{2}|^$.*.jpg',
  'Ⅷ.JPG',
);
const folders = fc.constantFrom('', '2024/', 'uploads/photos/', 'a b/');
const files = fc
  .tuple(fc.constantFrom(...dirs), folders, names)
  .map(([dir, folder, name]) => `${dir}/${folder}${name}` as Path);

/** A path in one of the forms in which apps store it, or in one that only looks like it. */
function spell(path: Path): fc.Arbitrary<string> {
  const relative = dirs
    .filter((dir) => path.startsWith(`${dir}/`))
    .map((dir) => path.slice(dir.length + 1));
  const plain = fc.constantFrom(path, ...relative, `/${path}`, `./${path}`, `/srv/other/${path}`);
  const escapes: ((value: string) => string)[] = [
    (value) => value,
    encodeURI,
    encodeURIComponent,
    (value) => value.split('/').map(encodeURIComponent).join('/'),
    (value) =>
      [...Buffer.from(value)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
    (value) =>
      value.replaceAll(/[ ()[\]]/g, (character) => `%${character.charCodeAt(0).toString(16)}`),
    (value) => new URL(value, 'https://cdn.example.com/').pathname,
  ];
  const arounds: ((value: string) => string)[] = [
    (value) => value,
    (value) => `https://cdn.example.com/${value.replace(/^\/+/, '')}`,
    (value) => `//cdn.example.com/${value}`,
    (value) => `https://cdn.example.com/x/../${value}?width=100#top`,
    (value) => `${value}?v=2`,
  ];
  const spoils: ((value: string) => string)[] = [
    (value) => `${value}.bak`,
    (value) => `x${value}`,
    (value) => value.toUpperCase(),
    (value) => `../${value}`,
    (value) => posix.dirname(value),
  ];
  const around = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...arounds) },
    { weight: 1, arbitrary: fc.constantFrom(...spoils) },
  );
  return fc
    .tuple(plain, fc.constantFrom(...escapes), around)
    .map(([value, escape, put]) => put(escape(value)));
}

/** A value in which a string lies somewhere, or does not. */
function nest(strings: fc.Arbitrary<string>): fc.Arbitrary<unknown> {
  return fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      strings,
      fc.constant(7),
      fc.array(tie('value'), { minLength: 1, maxLength: 3 }),
      fc.record({ src: tie('value'), alt: fc.constant('no file') }),
      strings.map((src) => new Held(src)),
      strings.map((src) => ({ toBSON: () => ({ src }) })),
    ),
  })).value;
}

/** What a `paths` function is given by a save was not stored yet. */
function readSource(value: unknown): unknown {
  const { toBSON } = (value ?? {}) as { toBSON?: () => unknown };
  const stored = toBSON ? toBSON() : value;
  return (stored as { src?: unknown } | undefined)?.src ?? stored;
}

class Held {
  constructor(readonly src: string) {}
}

/** A field of a schema: its type, and what an app writes to it. */
interface Field {
  readonly type: () => unknown;
  readonly value: unknown;
}

function makeFields(site: Site, strings: fc.Arbitrary<string>): fc.Arbitrary<Field> {
  const { Schema } = site.mongoose;
  const list = fc.array(strings, { minLength: 1, maxLength: 3 }),
    image = fc.record({ src: strings, alt: fc.constant('none') });
  const field = (type: () => unknown, value: fc.Arbitrary<unknown>): fc.Arbitrary<Field> =>
    value.map((one) => ({ type, value: one }));
  return fc.oneof(
    field(() => String, strings),
    field(() => [String], list),
    field(() => [[String]], fc.array(list, { maxLength: 2 })),
    field(() => ({ type: String, select: false }), strings),
    field(
      () => ({
        type: String,
        get: (value: string) => `https://cdn/${value}`,
        set: (value: string) => value,
      }),
      strings,
    ),
    field(() => ({ src: String, alt: String }), image),
    field(() => [{ src: String, alt: String }], fc.array(image, { maxLength: 3 })),
    field(
      () =>
        new Schema(
          { src: String, alt: String },
          { _id: false, toObject: { transform: () => ({}) } },
        ),
      image,
    ),
    field(
      () => [[new Schema({ src: String })]],
      fc.array(fc.array(image, { maxLength: 2 }), { maxLength: 2 }),
    ),
    field(
      () => ({ type: Map, of: String }),
      strings.map((src) => new Map([['key', src]])),
    ),
    field(
      () => ({ type: Map, of: new Schema({ src: String }) }),
      image.map((one) => new Map([['key', one]])),
    ),
    field(() => ({}), nest(strings)),
    field(() => [{}], fc.array(nest(strings), { maxLength: 2 })),
    field(
      () => ({ type: Map, of: {} }),
      nest(strings).map((one) => new Map([['key', one]])),
    ),
  );
}

const options: fc.Arbitrary<PluginOptions> = fc
  .tuple(
    fc.constantFrom<NonNullable<PluginOptions['paths']> | undefined>(
      undefined,
      undefined,
      ['one'],
      ['one', 'two'],
      ['one', 'two'],
      ['one.src'],
      ['one.key', 'two.0'],
      ['one.key.src', 'two.alt'],
      ({ one, two }) =>
        [one, two]
          .flat(5)
          .map(readSource)
          .filter((value) => typeof value === 'string'),
    ),
    fc.constantFrom<PluginOptions['syncDirs']>('uploads', ['docs', 'uploads/photos'], dirs),
  )
  .map(([paths, syncDirs]) => ({ syncDirs, ...(paths !== undefined && { paths }) }));

test('a string without a mark of a path does not name it', () => {
  fc.assert(
    fc.property(
      files.chain((path) => fc.tuple(fc.constant(path), spell(path))),
      fc.constantFrom(...dirs),
      ([path, value], dir) => {
        const { direct, joined } = findPathCandidates(value, ['/srv/site', '/srv/other'], [dir]);
        for (const candidate of [path, ...direct, ...joined]) {
          const isNamed = [...direct, ...joined].includes(candidate);
          if (isNamed)
            expect(listSearchMarks([candidate]).some((mark) => value.includes(mark))).toBe(true);
        }
      },
    ),
    { numRuns: 2_000 },
  );
});

test('a string of any characters without a mark does not name the path', () => {
  const pieces = fc.constantFrom(
    '..',
    '.',
    '/',
    '//',
    '%2e',
    '%2F',
    'docs',
    'uploads',
    '/srv/site',
    'http://h',
    'file://',
    '?',
    '#',
    '\\',
    '\t',
    '\n',
    '|',
    ' ',
    'a',
    'C|',
    '%',
    'é',
    '%C3%A9',
    '%c3',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.array(pieces, { maxLength: 14 }).map((list) => list.join('')),
      ),
      (value) => {
        const { direct, joined } = findPathCandidates(value, ['/srv/site', '/srv/other'], dirs);
        for (const path of [...direct, ...joined])
          expect(listSearchMarks([path]).some((mark) => value.includes(mark))).toBe(true);
      },
    ),
    { numRuns: 5_000 },
  );
});

describe.each(mongooses)('%s', (_name, mongoose) => {
  let site: Site,
    count = 0;
  beforeAll(async () => {
    site = await makeSite(
      mongoose,
      dirs.map((dir) => makeDir(dir)),
    );
  });
  afterAll(() => site.close());

  const world = fc.array(files, { minLength: 1, maxLength: 3 }).chain((paths) => {
    const strings = fc.oneof(...paths.map(spell));
    return fc.record({
      paths: fc.constant([...new Set(paths)]),
      one: fc.constant(strings).chain((some) => makeFields(site, some)),
      two: fc.constant(strings).chain((some) => makeFields(site, some)),
      older: nest(strings),
      options,
      kind: fc.constantFrom('create', 'bulk', 'update', 'older', 'hydrated', 'discriminator'),
    });
  });

  test('exactly the files stay that a save would find', async () => {
    let kept = 0,
      others = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constant(undefined).chain(() => world),
        async ({ paths, one, two, older, options: given, kind }) => {
          const all: PluginOptions = { rescan: false, ...given };
          const schema = new site.mongoose.Schema(
            { one: one.type(), two: two.type(), note: String } as never,
            { minimize: false },
          ) as Schema;
          schema.plugin(site.plugin, all);
          const base = site.connection.model(
            `World${String(++count)}`,
            schema,
          ) as unknown as Photos;
          const model =
            kind === 'discriminator'
              ? (base.discriminator(
                  `World${String(++count)}`,
                  new site.mongoose.Schema({ more: {} }) as never,
                ) as unknown as Photos)
              : base;
          try {
            await model.init();
            for (const path of paths) await site.write(path);
            await site.reset();
            await save(
              model,
              { one: one.value, two: two.value, ...(kind === 'discriminator' && { more: older }) },
              kind,
              older,
            );
            const found = await listTouched();
            if (kind === 'bulk' || kind === 'update') {
              // A capture before a write with an unknown result may name too much. The
              // next save reads the stored document.
              const wide = new Set(found);
              await site.reset();
              await model.updateMany({}, { $set: { note: 'again' } });
              found.clear();
              for (const path of await listTouched()) found.add(path);
              for (const path of found) expect(wide).toContain(path);
            }
            const naming = {
              model: base as unknown as PluggedModel,
              options: resolvePluginOptions(all, 'here'),
            };
            const { named, undetermined } = await findNamedPaths(
              [naming],
              paths,
              [site.rootPath, '/srv/other'],
              new AbortController().signal,
            );
            expect(undetermined.size).toBe(0);
            for (const path of paths) {
              // Mongoose may leave out of memory what the schema does not allow; it is stored all
              // the same.
              if (kind !== 'hydrated' || found.has(path))
                expect([path, named.has(path)]).toEqual([path, found.has(path)]);
              if (found.has(path)) kept++;
              else others++;
            }
          } finally {
            await base.deleteMany();
            for (const name of site.connection.modelNames()) site.connection.deleteModel(name);
            for (const path of paths) await rm(join(site.rootPath, path));
          }
        },
      ),
      { numRuns: 120, endOnFailure: false, interruptAfterTimeLimit: 120_000 },
    );
    // Else it proves nothing.
    expect(Math.min(kept, others)).toBeGreaterThan(20);
  }, 180_000);

  async function listTouched(): Promise<Set<Path>> {
    return new Set((await site.captures()).flatMap(({ touched }) => touched));
  }

  async function save(model: Photos, document: Plain, kind: string, older: unknown): Promise<void> {
    if (kind === 'bulk') await model.bulkWrite([{ insertOne: { document } }] as never);
    else if (kind === 'update') {
      const { insertedId } = await model.collection.insertOne({ note: 'x' });
      await model.updateOne({ _id: insertedId }, { $set: document });
    } else if (kind === 'older' || kind === 'hydrated') {
      // What another release stored, in shapes that the schema does not have.
      const { insertedId } = await model.collection.insertOne({ one: older, unknown: [older] });
      if (kind === 'older')
        await model.updateOne({ _id: insertedId }, { $set: { note: 'saved again' } });
      else
        await model
          .findById(insertedId)
          .then((stored) => stored?.set('note', 'saved again').save({ validateBeforeSave: false }));
    } else await model.create(document as never);
  }
});
