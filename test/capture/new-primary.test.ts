import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readPrimaryTerm } from '../../src/database/primary-term.js';
import type { Capture } from '../../src/model/capture.js';
import { findTestMongod, ReplicaSet } from '../harness/replica-set.js';
import { until } from '../harness/wait.js';
import { a, compilePhotos } from './photos.js';
import { makeSite, mongooses, type Site } from './site.js';

const slow = { timeout: 60_000 };
const binary = await findTestMongod().catch((error: unknown) => ({ missing: String(error) }));

describe.skipIf(typeof binary !== 'string')(
  `a primary that dies between a capture and the write of its document${typeof binary === 'string' ? '' : ` (skipped: ${binary.missing})`}`,
  () => {
    let set: ReplicaSet;
    beforeAll(async () => {
      if (typeof binary === 'string') set = await ReplicaSet.start(binary);
    }, 240_000);
    afterAll(() => set.close(), 60_000);

    describe.each(mongooses)('on %s', (_name, mongoose) => {
      test('loses the capture with it, so it is stored again', async () => {
        const site = await makeSite(mongoose, undefined, set);
        try {
          await expectCaptureAgain(site, set);
        } finally {
          await site.close();
        }
      }, 240_000);

      test('loses both with it if they are sent at once, and acknowledges no save without its capture', async () => {
        const site = await makeSite(mongoose, undefined, set);
        try {
          await expectCaptureIfSaved(site, set);
        } finally {
          await site.close();
        }
      }, 240_000);
    });
  },
);

async function expectCaptureAgain(site: Site, set: ReplicaSet): Promise<void> {
  await site.write(a);
  // The capture of a file that is not fresh precedes its document.
  await utimes(join(site.rootPath, a), 1_000_000_000, 1_000_000_000);
  const Photo = await compilePhotos(site);
  const before = readPrimaryTerm(site.connection);
  const startSecondaries = await set.killSecondaries();

  const saving = Photo.create({ file: a });
  const saved = saving.then(
    () => 'saved',
    (error: unknown) => error,
  );
  await until(async () => (await site.captures()).length > 0, { ...slow, what: 'the capture' });
  // The control: nothing is written after this one, so nobody stores it again.
  const control: Capture = {
    id: 'control',
    host: 'host-a',
    dueAt: new Date(),
    touched: [],
    unreferenced: [],
    rescan: [],
  };
  await site.outbox.announce([control], site.connection, undefined);
  const startPrimary = await set.killPrimary();
  await startSecondaries();

  expect(await saved).toBe('saved');
  expect(readPrimaryTerm(site.connection)).not.toBe(before);
  const captures = await site.captures();
  expect(captures.map(({ id }) => id)).not.toContain(control.id);
  expect(captures.map(({ touched }) => touched)).toEqual([[a]]);
  expect(site.handedOver.map(({ id }) => id)).toEqual(captures.map(({ id }) => id));
  await startPrimary();
}

/**
 * The driver repeats only the first of the writes that a dead server leaves open. If that is the
 * capture, the save fails.
 */
async function expectCaptureIfSaved(site: Site, set: ReplicaSet): Promise<void> {
  await site.write(a);
  const Photo = await compilePhotos(site);
  const before = readPrimaryTerm(site.connection);
  const startSecondaries = await set.killSecondaries();

  const saving = Photo.create({ file: a }).then(
    () => 'saved',
    (error: unknown) => (error instanceof Error ? error.name : error),
  );
  // Read from the primary alone: no majority has acknowledged either of them.
  await until(async () => (await site.captures()).length > 0, { ...slow, what: 'the capture' });
  await until(async () => (await Photo.countDocuments()) > 0, { ...slow, what: 'the document' });
  expect(site.handedOver).toEqual([]);
  const startPrimary = await set.killPrimary();
  await startSecondaries();

  const answer = await saving;
  expect(['saved', 'MongoNetworkError']).toContain(answer);
  expect(readPrimaryTerm(site.connection)).not.toBe(before);
  const isSaved = answer === 'saved';
  expect(site.handedOver).toHaveLength(isSaved ? 1 : 0);
  expect(await Photo.countDocuments()).toBe(isSaved ? 1 : 0);
  if (isSaved) expect(await site.captures()).toEqual(site.handedOver);
  await startPrimary();
}
