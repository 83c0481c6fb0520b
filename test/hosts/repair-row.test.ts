import { expect, test } from 'vitest';
import { Seals } from '../../src/hosts/seal.js';
import { listUnreadable, repairRow } from '../../src/hosts/repair-row.js';
import { makeRow } from './rows.js';

test('a row as it should be is left as it is', () => {
  const row = makeRow('web1', { status: 'approved' });
  expect(repairRow(row)).toBe(row);
});

test.each<[string, object]>([
  ['an id with a line break', { _id: 'a\nb' }],
  ['an id that is none', { _id: 7 }],
  ['no url', { url: null }],
  ['a list as user', { username: ['root'] }],
  ['a port as text', { sshPort: '22' }],
  ['no port', { sshPort: NaN }],
  ['a text as host keys', { hostKeys: 'ssh-ed25519 A' }],
  ['a number among the sync dirs', { syncDirs: [1] }],
  ['no sync dirs', { syncDirs: null }],
  ['a root that is none', { rootPath: {} }],
  ['a status that is none', { status: 'root' }],
  ['a status twice', { status: ['approved'] }],
  ['passive as text', { passive: 'yes' }],
])('%s makes a host pending and disturbs no other, with or without a secret', (_, change) => {
  const row = { ...makeRow('web1', { status: 'approved' }), ...change } as Parameters<
    typeof repairRow
  >[0];
  for (const seals of [new Seals(), new Seals('s'.repeat(32))]) {
    const host = seals.readHost(row);
    expect(host).toMatchObject({ status: 'pending', unsealed: true });
    expect(
      [host.hostKeys, host.syncDirs].every((list) => Array.isArray(list)) &&
        typeof host.url === 'string' &&
        typeof host.rootPath === 'string',
    ).toBe(true);
  }
});

test('the running writes of hosts do not approve them', () => {
  const row = {
    ...makeRow('web1', { status: 'approved' }),
    deliveries: null,
    halted: 'x',
    rescans: [],
  } as unknown as Parameters<typeof repairRow>[0];
  expect(new Seals().readHost(row)).toMatchObject({
    status: 'approved',
    deliveries: {},
    halted: {},
    rescans: {},
  });
});

test('a retired row stays so', () => {
  expect(
    new Seals('s'.repeat(32)).readHost({
      ...makeRow('web1', { status: 'retired' }),
      url: null as unknown as string,
    }).status,
  ).toBe('retired');
});

test('a retired row may have the name that freed its own for other hosts, and no other', () => {
  const retired = makeRow('web1', { status: 'retired', hostname: 'web1#web1' });
  expect(repairRow(retired)).toBe(retired);
  expect(listUnreadable(retired)).toEqual([]);
  for (const row of [
    makeRow('web1', { status: 'retired', hostname: 'web1#web2' }),
    makeRow('web1', { status: 'approved', hostname: 'web1#web1' }),
    makeRow('web1', { status: 'retired', hostname: 'a b#web1' }),
  ])
    expect(listUnreadable(row)).toEqual(['hostname']);
});
