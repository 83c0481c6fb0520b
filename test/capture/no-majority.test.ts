import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findTestMongod, ReplicaSet } from '../harness/replica-set.js';
import { a, b, c, d, compilePhotos } from './photos.js';
import { makeSite, mongooses } from './site.js';

const binary = await findTestMongod().catch((error: unknown) => ({ missing: String(error) }));

describe.skipIf(typeof binary !== 'string')(
  `a primary that no majority follows${
    typeof binary === 'string' ? '' : ` (skipped: ${binary.missing})`
  }`,
  () => {
    let set: ReplicaSet;
    beforeAll(async () => {
      if (typeof binary !== 'string') return;
      set = await ReplicaSet.start(binary);
      await set.keepPrimary();
    }, 240_000);
    afterAll(() => set.close(), 60_000);

    test.each(mongooses)(
      'keeps no save waiting that asks only for the primary, with %s',
      async (_name, mongoose) => {
        const site = await makeSite(mongoose, undefined, set);
        const Photo = await compilePhotos(
          site,
          {},
          { prepare: (schema) => schema.set('writeConcern', { w: 1 }) },
        );
        const listWriteConcerns = (): unknown[] =>
          site.commands
            .filter(({ collection }) => collection === 'syncmedia_captures')
            .map(({ command }) => (command['writeConcern'] as { w: unknown }).w);
        await site.write(a);
        for (const file of [b, c, d]) await site.write(file);
        const startSecondaries = await set.killSecondaries();
        try {
          await Photo.create({ file: a });
          expect(listWriteConcerns()).toEqual(['majority']);
          await Photo.create({ file: b });
          expect(listWriteConcerns()).toEqual(['majority', 1]);
          expect((await site.captures()).map(({ touched }) => touched)).toEqual([[a], [b]]);
          expect(site.handedOver.map(({ touched }) => touched)).toEqual([[a], [b]]);
          expect(site.warnings).toEqual([]);
          // Captures that are withdrawn, or inserted after the write.
          const primary = { writeConcern: { w: 1 } } as const;
          await Photo.updateOne({ title: 'of nobody' }, { file: c }, primary);
          await expect(
            Photo.create({ _id: (await Photo.findOne())?._id, file: a }),
          ).rejects.toMatchObject({ code: 11_000 });
          await Photo.updateOne({ title: 'new' }, { file: d }, { ...primary, upsert: true });
          await Photo.updateMany({}, { $set: { second: b } }, primary);
          await Photo.bulkWrite([{ insertOne: { document: { file: c } } }], primary);
          const handedOver = site.handedOver.flatMap(({ touched }) => touched);
          expect([...new Set(handedOver)].sort()).toEqual([a, b, c, d]);
          const stored = (await site.captures()).flatMap(({ touched }) => touched);
          expect([...new Set(stored)].sort()).toEqual([a, b, c, d]);
        } finally {
          await startSecondaries();
          await site.close();
        }
      },
      120_000,
    );
  },
);
