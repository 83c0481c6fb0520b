import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findTestMongod, ReplicaSet } from '../harness/replica-set.js';
import { a, b, compilePhotos } from './photos.js';
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
        await site.write(b);
        const startSecondaries = await set.killSecondaries();
        try {
          await Photo.create({ file: a });
          expect(listWriteConcerns()).toEqual(['majority']);
          await Photo.create({ file: b });
          expect(listWriteConcerns()).toEqual(['majority', 1]);
          expect((await site.captures()).map(({ touched }) => touched)).toEqual([[a], [b]]);
          expect(site.handedOver.map(({ touched }) => touched)).toEqual([[a], [b]]);
          expect(site.warnings).toEqual([]);
        } finally {
          await startSecondaries();
          await site.close();
        }
      },
      120_000,
    );
  },
);
