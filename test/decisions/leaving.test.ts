import { describe, expect, test } from 'vitest';
import { listKeepers, listOpenRescans } from '../../src/decisions/leaving.js';
import { hostLimits } from '../../src/decisions/host-state.js';
import type { Failure } from '../../src/model/failure.js';
import type { Host } from '../../src/model/host.js';
import { makeHost } from '../admin/recording-instance.js';

const now = new Date('2026-11-28T12:00:00Z');
const ago = (seconds: number): Date => new Date(now.getTime() - seconds * 1_000);
const failure: Failure = {
  code: 'HOST_UNREACHABLE',
  message: 'no route',
  scope: 'host',
  retryable: true,
};
const other = (fields: Partial<Host> = {}): Host =>
  makeHost({ id: 'other', hostname: 'other', heartbeatAt: ago(1), ...fields });
const nas = { passive: true, heartbeatAt: ago(hostLimits.silent + 1) };

describe('the copy of another host', () => {
  test.each<[string, Host]>([
    ['that works', other()],
    ['that is paused, and heard of', other({ status: 'paused' })],
    ['that is passive', other(nas)],
  ])('counts on a host %s', (_, host) => {
    expect(listKeepers([makeHost({ id: 'me' }), host], 'me', now)).toEqual(['other']);
  });

  test.each<[string, Host]>([
    ['leaves as well', other({ leaving: { token: 't', since: ago(1) } })],
    ['is not heard of', other({ heartbeatAt: ago(hostLimits.silent + 1) })],
    ['is paused and away', other({ status: 'paused', heartbeatAt: ago(hostLimits.absent) })],
    ['waits for approval', other({ status: 'pending' })],
    ['is retired', other({ status: 'retired' })],
    [
      'is used by two machines',
      other({ halted: { HOST_CLONED: { ...failure, code: 'HOST_CLONED' } } }),
    ],
    ['is passive and paused', other({ ...nas, status: 'paused' })],
  ])('does not count on one that %s', (_, host) => {
    expect(listKeepers([makeHost({ id: 'me' }), host], 'me', now)).toEqual([]);
  });

  test('does not count on a passive host that no host which works can reach', () => {
    const sender = (fields: Partial<Host>): Host =>
      makeHost({
        id: 'sender',
        heartbeatAt: ago(1),
        deliveries: { other: { failure, failingSince: ago(60) } },
        ...fields,
      });
    expect(listKeepers([other(nas), sender({})], 'sender', now)).toEqual([]);
    const silent = sender({ heartbeatAt: ago(hostLimits.silent + 1) });
    expect(listKeepers([other(nas), silent], 'sender', now)).toEqual(['other']);
  });
});

test('a rescan is open unless a scan made up for just this one', () => {
  const rescans = { a: ago(10), b: ago(20), constructor: ago(30) };
  expect(listOpenRescans(rescans, undefined)).toEqual(['a', 'b', 'constructor']);
  expect(listOpenRescans(rescans, { a: ago(10), b: ago(25) })).toEqual(['b', 'constructor']);
});
