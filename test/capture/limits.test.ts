import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { a, b, compilePhotos, type Photo } from './photos.js';
import { makeSite, mongooses, type Site } from './site.js';

const propagate = { onDelete: 'propagate', paths: 'file' } as const;

// Nothing here differs between the majors.
describe('the limits of one operation', () => {
  let site: Site;
  beforeAll(async () => {
    site = await makeSite(mongooses[0]![1]);
    for (const path of [a, b]) await site.write(path);
  });
  afterAll(() => site.close());
  beforeEach(() => site.reset());

  const many = (count: number): Photo[] =>
    Array.from({ length: count }, (_, index) => ({ file: `file-${String(index)}.jpg` }));
  const rescans = async () =>
    (await site.captures()).flatMap(({ rescan }) => rescan.map(({ after }) => after));
  const read = () => site.commands.filter(({ name }) => name === 'getMore').length;

  test('up to 1,000 updated documents are examined, each with its saver', async () => {
    const photos = await compilePhotos(site, propagate);
    await photos.collection.insertMany(many(1_000));
    await site.reset();
    await photos.updateMany({}, { file: a });
    expect(site.handedOver).toHaveLength(1_000);
    expect(new Set(site.handedOver.map(({ savedBy }) => savedBy?.id)).size).toBe(1_000);
    expect(new Set(site.handedOver.flatMap(({ unreferenced: left }) => left)).size).toBe(1_000);
    expect(await rescans()).toEqual([30]);
    expect(site.warnings).toEqual([]);
  });

  test('beyond them a rescan is due at once', async () => {
    const photos = await compilePhotos(site);
    await photos.collection.insertMany(many(1_001));
    await site.reset();
    await photos.updateMany({}, { file: a });
    expect(await rescans()).toEqual([0]);
    expect(site.handedOver.length).toBeLessThanOrEqual(1_001);
    expect(site.warnings).toEqual([]);
  });

  test('beyond them a warning names the files that are missed without a rescan, and those that stay where deletes propagate', async () => {
    const withoutRescan = await compilePhotos(site, { rescan: false });
    await withoutRescan.collection.insertMany(many(1_001));
    await withoutRescan.updateMany({}, { file: a });
    expect(site.warnings).toHaveLength(1);
    expect(site.warnings[0]).toContain('`rescan` is off');
    site.warnings.length = 0;
    const propagating = await compilePhotos(site, propagate);
    await propagating.collection.insertMany(many(1_001));
    await propagating.updateMany({}, { file: a });
    expect(site.warnings).toHaveLength(1);
    expect(site.warnings[0]).toContain('stays on every host');
  });

  test('of an insertMany and a bulkWrite as well', async () => {
    const photos = await compilePhotos(site, { paths: 'file' });
    await photos.insertMany(many(1_001), { lean: true });
    expect(await rescans()).toEqual([0]);
    await site.reset();
    await photos.bulkWrite(many(1_001).map((document) => ({ insertOne: { document } })));
    expect(await rescans()).toEqual([0]);
  });

  test('a few documents with very many strings count as many', async () => {
    const photos = await compilePhotos(site, {}, { definition: { list: [String] } });
    await photos.collection.insertMany(
      Array.from({ length: 60 }, () => ({
        list: Array.from({ length: 1_000 }, (_, index) => `tag-${String(index)}`),
      })),
    );
    await site.reset();
    await photos.updateMany({}, { title: 'x' });
    expect(await rescans()).toEqual([0]);
  });

  test('up to 10,000 deleted documents are examined, in rows of 1,000 paths', async () => {
    const photos = await compilePhotos(site, propagate);
    await photos.collection.insertMany(many(10_001));
    await site.reset();
    await photos.deleteMany({ file: { $ne: 'file-0.jpg' } });
    expect(read()).toBeGreaterThan(0);
    expect(site.handedOver.map(({ unreferenced: left }) => left.length)).toEqual(
      Array.from({ length: 10 }, () => 1_000),
    );
    expect(new Set(site.handedOver.flatMap(({ unreferenced: left }) => left)).size).toBe(10_000);
    expect(site.warnings).toEqual([]);
  });

  test('beyond them a warning says that their files stay', async () => {
    const photos = await compilePhotos(site, propagate);
    await photos.collection.insertMany(many(10_001));
    await site.reset();
    await photos.deleteMany({});
    expect(site.handedOver.flatMap(({ unreferenced: left }) => left)).toHaveLength(10_000);
    expect(site.warnings).toHaveLength(1);
    for (const part of [photos.modelName, 'deleteMany', '10,000', 'sync.remove(paths)'])
      expect(site.warnings[0]).toContain(part);
  });
});
