import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { getNativeCollection } from '../../src/util/collections.js';
import { Seals } from '../../src/hosts/seal.js';
import { SyncDirsStore, type SyncDirRow } from '../../src/hosts/sync-dirs-store.js';
import type { Path } from '../../src/model/path.js';
import type { SyncDir } from '../../src/model/sync-dir.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';

const dir = (path: string, rules: Partial<SyncDir> = {}): SyncDir => ({
  path: path as Path,
  exclude: [],
  conflict: 'newer',
  onDelete: 'keep',
  ...rules,
});

let database: TestDatabase;
let warnings: string[];
let store: SyncDirsStore;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  const rows = () => getNativeCollection<SyncDirRow>(database.connection, 'p_syncdirs');
  await rows().deleteMany({});
  warnings = [];
  store = new SyncDirsStore(rows, {
    info: () => undefined,
    warn: (message) => warnings.push(message),
    error: () => undefined,
  });
});

describe('SyncDirsStore', () => {
  test('keeps the declared rules, with paths as they are', async () => {
    const dirs = [dir('a.b/$c', { exclude: ['*.tmp'] }), dir('uploads', { onDelete: 'propagate' })];
    await store.declare(dirs);
    await store.declare([dir('z')]);
    await Promise.all([store.declare(dirs), store.declare(dirs)]);
    expect(await store.all()).toEqual([...dirs, dir('z')]);
    expect(warnings).toEqual([]);
  });

  test('says that a declaration changed, and goes by the new one', async () => {
    await store.declare([dir('uploads', { exclude: ['*.tmp'] })]);
    await store.declare([dir('uploads', { exclude: ['*.bak'], conflict: 'keep' })]);
    expect(await store.all()).toEqual([dir('uploads', { exclude: ['*.bak'], conflict: 'keep' })]);
    expect(warnings).toEqual([
      expect.stringMatching(
        /uploads changed: exclude \["\*\.tmp"\], conflict newer.* became exclude \["\*\.bak"\], conflict keep/,
      ),
    ]);
  });

  const secret = 'the secret of this site, 32 bytes',
    rows = () => getNativeCollection<SyncDirRow>(database.connection, 'p_syncdirs');
  const open = (seals: Seals) =>
    new SyncDirsStore(
      rows,
      { info: () => undefined, warn: (message) => warnings.push(message), error: () => undefined },
      seals,
    );

  test('with a secret, forged rules count as the defaults, except for their exclusions', async () => {
    const sealed = open(new Seals(secret));
    await sealed.declare([dir('uploads', { exclude: ['*.tmp'], conflict: 'keep' })]);
    await sealed.declareModel('Photo', ['uploads' as Path]);
    expect(await sealed.all()).toEqual([dir('uploads', { exclude: ['*.tmp'], conflict: 'keep' })]);
    for (const change of [
      { onDelete: 'propagate' },
      { conflict: 'overwrite' },
      { models: [] },
      { exclude: ['*'] },
      { exclude: '*' },
      { models: { $gt: '' } },
      { seal: 1 },
      { conflict: 7 },
    ]) {
      const before = await rows().findOne({ _id: 'uploads' as Path });
      await rows().updateOne({ _id: 'uploads' as Path }, { $set: change as never });
      const exclude =
        'exclude' in change ? (Array.isArray(change.exclude) ? change.exclude : []) : ['*.tmp'];
      expect(await sealed.all(), JSON.stringify(change)).toEqual([
        { ...dir('uploads', { exclude }), unsealed: true },
      ]);
      // Which models name files there is not known either, so nothing is removed.
      expect(await sealed.listNaming(new Set(['uploads' as Path]))).toEqual(
        new Map([['uploads', 'unknown']]),
      );
      await rows().replaceOne({ _id: 'uploads' as Path }, before as never);
    }
    expect(await sealed.listNaming(new Set(['uploads' as Path]))).toEqual(
      new Map([['uploads', ['Photo']]]),
    );
  });

  test('a seal of one sync dir is none for another', async () => {
    const sealed = open(new Seals(secret));
    await sealed.declare([dir('uploads', { onDelete: 'propagate' })]);
    const row = await rows().findOne({ _id: 'uploads' as Path });
    await rows().insertOne({ ...row, _id: 'other' as Path } as never);
    expect(await sealed.all()).toEqual([
      { ...dir('other'), unsealed: true },
      dir('uploads', { onDelete: 'propagate' }),
    ]);
  });

  test('rows of an earlier version are sealed by the apps that declare them, and no model is forgotten', async () => {
    await store.declare([dir('uploads', { exclude: ['*.tmp'], onDelete: 'propagate' })]);
    for (const model of ['Photo', 'Film']) await store.declareModel(model, ['uploads' as Path]);
    const sealed = open(new Seals(secret));
    expect(await sealed.all()).toEqual([
      { ...dir('uploads', { exclude: ['*.tmp'] }), unsealed: true },
    ]);
    await Promise.all(
      Array.from({ length: 4 }, () =>
        sealed.declare([dir('uploads', { exclude: ['*.tmp'], onDelete: 'propagate' })]),
      ),
    );
    await Promise.all(
      ['Photo', 'Clip', 'Sound'].map((model) => sealed.declareModel(model, ['uploads' as Path])),
    );
    expect(await sealed.all()).toEqual([
      dir('uploads', { exclude: ['*.tmp'], onDelete: 'propagate' }),
    ]);
    expect(
      [
        ...((await sealed.listNaming(new Set(['uploads' as Path]))).get('uploads' as Path) ?? []),
      ].sort(),
    ).toEqual(['Clip', 'Film', 'Photo', 'Sound']);
  });

  test('another secret: valid rows are sealed anew, others are not', async () => {
    await open(new Seals(secret)).declare([dir('uploads')]);
    await store.declare([dir('unsealed', { conflict: 'keep' })]);
    await open(new Seals(`${secret}, changed`, secret)).sealAll();
    expect(await open(new Seals(`${secret}, changed`)).all()).toEqual([
      { ...dir('unsealed'), unsealed: true },
      dir('uploads'),
    ]);
  });

  test('a process without the secret leaves seals alone where it declares the same', async () => {
    const sealed = open(new Seals(secret));
    await sealed.declare([dir('uploads', { conflict: 'keep' })]);
    await store.declare([dir('uploads', { conflict: 'keep' })]);
    expect(await sealed.all()).toEqual([dir('uploads', { conflict: 'keep' })]);
    await store.declare([dir('uploads', { conflict: 'overwrite' })]);
    expect(await sealed.all()).toEqual([{ ...dir('uploads'), unsealed: true }]);
  });
});
