import { expect, test } from 'vitest';
import { chooseHolders } from '../../src/decisions/choose-holders.js';
import type { Host } from '../../src/model/host.js';

const host = (id: string, over: Partial<Host> = {}): Host =>
  ({
    id,
    backend: 'git-annex',
    passive: false,
    status: 'approved',
    deliveries: {},
    ...over,
  }) as Host;
const failure = { code: 'HOST_UNREACHABLE', message: '', retryable: true, scope: 'host' } as const;
const idsOf = (hosts: readonly Host[]): string[] => hosts.map(({ id }) => id);

test('the host that recorded a version is asked first, and those that fail last', () => {
  const me = host('me', { deliveries: { failing: { failure } } });
  const hosts = [host('failing'), me, host('other'), host('recorder')];
  expect(idsOf(chooseHolders(me, hosts, 'recorder'))).toEqual(['recorder', 'other', 'failing']);
  expect(idsOf(chooseHolders(me, hosts, 'failing'))).toEqual(['other', 'recorder', 'failing']);
});

test('only approved active hosts with an annex are asked', () => {
  const me = host('me');
  const others = [
    host('rsync', { backend: 'rsync' }),
    host('git', { backend: 'git' }),
    host('passive', { passive: true }),
    host('paused', { status: 'paused' }),
    host('pending', { status: 'pending' }),
    host('retired', { status: 'retired' }),
  ];
  expect(chooseHolders(me, [me, ...others], 'git')).toEqual([]);
});

test('a site of many hosts asks some of them', () => {
  const hosts = Array.from({ length: 50 }, (_, index) => host(String(index)));
  expect(chooseHolders(undefined, hosts, '49')).toHaveLength(16);
});
