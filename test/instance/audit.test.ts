import type { Connection } from 'mongoose';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Audit, auditChanges, unrecordedCalls, type AuditRow } from '../../src/instance/audit.js';
import { createSyncMedia } from '../../src/instance/create.js';
import { getNativeCollection } from '../../src/util/collections.js';
import type { SyncMedia } from '../../src/api/sync-media.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { makeTestDir } from '../harness/tmp.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.close());

/** The calls of an instance by name, as `hosts.init`, with a way to make each one. */
function listCalls(instance: SyncMedia): Map<string, () => unknown> {
  const calls = new Map<string, () => unknown>();
  const add = (owner: object, prefix: string): void => {
    for (const name of Object.keys(owner)) {
      const value: unknown = Reflect.get(owner, name);
      if (typeof value === 'function')
        calls.set(`${prefix}${name}`, () => (Reflect.get(owner, name) as () => unknown)());
    }
  };
  add(instance, '');
  for (const group of [
    'hosts',
    'runs',
    'files',
    'recoverable',
    'conflicts',
    'removals',
    'audit',
  ] as const)
    add(instance[group], `${group}.`);
  return calls;
}

test('every call of an instance is recorded unless it is listed as read-only', async () => {
  const dir = await makeTestDir();
  const rows = getNativeCollection<AuditRow>(db.connection, 'syncmedia_audit');
  const audit = new Audit(
    () => Promise.resolve(db.connection),
    {
      collectionPrefix: 'syncmedia_',
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    },
    () => 'host-1',
  );
  const sync = createSyncMedia({
    connection: db.connection,
    stateDir: dir.path,
    environment: {},
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
  });
  const offered = [...listCalls(sync).keys()];
  for (const name of offered.filter((one) => !unrecordedCalls.has(one))) {
    const asked = auditChanges(sync, audit, `ann asks for ${name}`);
    await Promise.resolve(listCalls(asked).get(name)?.()).catch(() => undefined);
    const row = await rows.findOne({ by: `ann asks for ${name}` });
    expect(row, name).toMatchObject({ what: name, host: 'host-1' });
    expect(row?.outcome, name).not.toBe('begun');
  }
  expect(offered.filter((one) => !unrecordedCalls.has(one))).toEqual(
    expect.arrayContaining([
      'verify',
      'adopt',
      'hosts.init',
      'recoverable.restore',
      'removals.decide',
      'runs.cancel',
    ]),
  );
  await sync.close();
  await dir.remove();
});

describe('a database that fails for a moment', () => {
  const warnings: string[] = [];
  /** Fails once at this call. */
  function openAudit(method: 'createIndex' | 'updateOne'): Audit {
    warnings.length = 0;
    const rows = getNativeCollection<AuditRow>(db.connection, 'syncmedia_audit');
    let fails = true;
    const flaky = new Proxy(rows, {
      get(target, key): unknown {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== 'function') return value;
        if (key !== method || !fails) return value.bind(target) as unknown;
        fails = false;
        return () => Promise.reject(new Error('not primary'));
      },
    });
    return new Audit(
      () => Promise.resolve({ db: { collection: () => flaky } } as unknown as Connection),
      {
        collectionPrefix: 'syncmedia_',
        log: {
          info: () => undefined,
          warn: (message) => warnings.push(message),
          error: () => undefined,
        },
      },
      () => 'host-1',
    );
  }

  test('fails one change that cannot be recorded, and no later one', async () => {
    const audit = openAudit('createIndex');
    const change = vi.fn(() => Promise.resolve('changed'));
    await expect(audit.record('ann', 'x', [], change)).rejects.toThrow('not primary');
    expect(change).not.toHaveBeenCalled();
    expect(await audit.record('ann', 'x', [], change)).toBe('changed');
  });

  test('fails no change that was made, although its outcome is not stored', async () => {
    const audit = openAudit('updateOne');
    expect(await audit.record('ann', 'hosts.edit', [], () => Promise.resolve('changed'))).toBe(
      'changed',
    );
    expect(warnings).toEqual([expect.stringContaining('hosts.edit of ann ended (done)')]);
  });
});
