import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../harness/wait.js';
import { a, b, compilePhotos } from './photos.js';
import { makeSite, mongooses, type Site } from './site.js';

/** Names the captures of no host, so that the server refuses all. */
const refusesAll = { host: 'nobody' };

describe.each(mongooses)('a capture beside its document, on %s', (_name, mongoose) => {
  let site: Site;
  beforeAll(async () => {
    site = await makeSite(mongoose);
  });
  afterAll(() => site.close());
  beforeEach(async () => {
    await site.reset();
    await site.write(a);
    await site.write(b);
  });

  /** Makes the server refuse captures, or accept them again. */
  async function setValidator(validator: Record<string, unknown>): Promise<void> {
    await site.connection.db?.command({ collMod: 'syncmedia_captures', validator });
  }

  async function refuseCaptures(work: () => Promise<void>): Promise<void> {
    await setValidator(refusesAll);
    try {
      await work();
    } finally {
      await setValidator({});
    }
  }

  async function age(path: string): Promise<void> {
    const then = Date.now() / 1000 - 120;
    await utimes(join(site.rootPath, path), then, then);
  }

  function listInserts(): unknown[] {
    return site.commands
      .filter(({ name }) => name === 'insert')
      .map(({ collection }) => collection);
  }

  test('is sent first, and waits for the majority like the document', async () => {
    const Photo = await compilePhotos(site);
    await Photo.create({ file: a });
    expect(listInserts()).toEqual(['syncmedia_captures', Photo.collection.collectionName]);
    expect(site.commands[0]?.command['writeConcern']).toMatchObject({ w: 'majority' });
  });

  test('that is refused does not fail the save: it is kept, handed over and stored later', async () => {
    const Photo = await compilePhotos(site);
    await refuseCaptures(async () => {
      const photo = await Photo.create({ file: a });
      expect(photo.isNew).toBe(false);
      expect(await Photo.countDocuments({ _id: photo._id })).toBe(1);
      expect(await site.captures()).toEqual([]);
      expect(site.handedOver.map(({ touched }) => touched)).toEqual([[a]]);
      expect(site.warnings).toHaveLength(1);
      expect(site.warnings[0]).toContain('keeps the capture in memory');
      // A wait for copies must not take it for processed.
      const [kept] = site.handedOver;
      expect(await site.outbox.findStored([kept?.id ?? '', 'another'])).toEqual(
        new Set([kept?.id]),
      );
    });
    await until(async () => (await site.captures()).length === 1, { what: 'the capture' });
    expect(await site.captures()).toEqual(site.handedOver);
  });

  test('no longer is one while another one is kept, so the next refusal writes nothing', async () => {
    const Photo = await compilePhotos(site);
    await refuseCaptures(async () => {
      await Photo.create({ file: a });
      await expect(Photo.create({ file: b })).rejects.toThrow('validation');
      expect(await Photo.countDocuments({ file: b })).toBe(0);
    });
    await until(async () => (await site.captures()).length === 1, { what: 'the kept capture' });
    await Photo.create({ file: b });
    expect((await site.captures()).map(({ touched }) => touched)).toEqual([[a], [b]]);
  });

  test('that is stored is withdrawn if the document is refused', async () => {
    const Photo = await compilePhotos(
      site,
      {},
      { definition: { slug: { type: String, unique: true } } },
    );
    await Photo.create({ slug: 'x' });
    await site.reset();
    await expect(Photo.create({ file: a, slug: 'x' })).rejects.toThrow('E11000');
    expect(await site.captures()).toEqual([]);
    expect(site.handedOver).toEqual([]);
  });

  test('and a document that are both refused fail as the document does', async () => {
    const Photo = await compilePhotos(
      site,
      {},
      { definition: { slug: { type: String, unique: true } } },
    );
    await Photo.create({ slug: 'x' });
    await site.reset();
    await refuseCaptures(async () => {
      await expect(Photo.create({ file: a, slug: 'x' })).rejects.toThrow('E11000');
    });
    expect(site.warnings).toEqual([]);
    expect(site.handedOver).toEqual([]);
  });

  describe('precedes the document where no scan finds the same', () => {
    test('that is an older file', async () => {
      const Photo = await compilePhotos(site);
      await age(a);
      await refuseCaptures(async () => {
        await expect(Photo.create({ file: a })).rejects.toThrow('validation');
      });
      expect(await Photo.countDocuments({ file: a })).toBe(0);
    });

    test('that is a file that a document no longer names', async () => {
      const Photo = await compilePhotos(site, { onDelete: 'propagate' });
      const photo = await Photo.create({ file: a });
      photo.set('file', b);
      await refuseCaptures(async () => {
        await expect(photo.save()).rejects.toThrow('validation');
      });
      expect(await Photo.countDocuments({ file: b })).toBe(0);
    });

    test('and several documents of one operation', async () => {
      const Photo = await compilePhotos(site);
      await refuseCaptures(async () => {
        await expect(Photo.insertMany([{ file: a }, { file: b }])).rejects.toThrow();
      });
      expect(await Photo.countDocuments()).toBe(0);
    });
  });

  test('precedes the document in a session', async () => {
    const Photo = await compilePhotos(site);
    const session = await site.connection.startSession();
    try {
      await refuseCaptures(async () => {
        await expect(new Photo({ file: a }).save({ session })).rejects.toThrow('validation');
      });
      expect(await Photo.countDocuments({ file: a })).toBe(0);
    } finally {
      await session.endSession();
    }
  });
});
