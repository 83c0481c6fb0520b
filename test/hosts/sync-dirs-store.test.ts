import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { nativeCollection } from '../../src/database.js';
import { listDirs, SyncDirsStore, type SyncDirRow } from '../../src/hosts/sync-dirs-store.js';
import type { Path, SyncDir } from '../../src/words.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';

const dir = (path: string, rules: Partial<SyncDir> = {}): SyncDir => ({ path: path as Path, exclude: [], conflict: 'newer', onDelete: 'keep', ...rules });

let database: TestDatabase;
let warnings: string[];
let store: SyncDirsStore;
beforeAll(async () => { database = await testDatabase(); });
afterAll(() => database.close());
beforeEach(async () => {
  const rows = () => nativeCollection<SyncDirRow>(database.connection, 'p_syncdirs');
  await rows().deleteMany({});
  warnings = [];
  store = new SyncDirsStore(rows, { info: () => undefined, warn: (message) => warnings.push(message), error: () => undefined });
});

describe('SyncDirsStore', () => {
  test('keeps what was declared, with paths as they are', async () => {
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
    expect(warnings).toEqual([expect.stringMatching(/uploads changed: exclude \["\*\.tmp"\], conflict newer.* became exclude \["\*\.bak"\], conflict keep/)]);
  });

  test("lists a host's own: its allow-list and what was declared of it", async () => {
    await store.declare([dir('a'), dir('b'), dir('b/c')]);
    expect(await listDirs({ syncDirs: store }, [])).toEqual(['a', 'b', 'b/c']);
    expect(await listDirs({ syncDirs: store }, ['b' as Path, 'new' as Path])).toEqual(['b', 'b/c', 'new']);
  });
});
