import { describe, expect, test } from 'vitest';
import {
  explainWait,
  findPartObstacle,
  findRunObstacle,
  listDirsOf,
} from '../../src/decisions/run-host.js';
import type { Failure } from '../../src/model/failure.js';
import type { Host } from '../../src/model/host.js';
import type { Path } from '../../src/model/path.js';
import type { Run } from '../../src/model/run.js';
import { makePartial } from '../harness/partial.js';

const makeHost = (over: Partial<Host> = {}): Host =>
  makePartial<Host>({
    id: 'B',
    hostname: 'web2',
    status: 'approved',
    passive: false,
    halted: {},
    syncDirs: [],
    ...({ readyAt: undefined } as object),
    ...over,
  });
const cloned: Failure = {
  code: 'HOST_CLONED',
  message: 'two machines run with this id',
  scope: 'host',
  retryable: false,
};

describe('a run on another host', () => {
  test('is carried out by an approved, active host', () => {
    expect(findRunObstacle(makeHost())).toBeUndefined();
  });

  test.each<[string, Partial<Host>, string, RegExp]>([
    ['retired', { status: 'retired', hostname: 'web2#B' }, 'HOST_RETIRED', /host web2 was/],
    ['waiting for approval', { status: 'pending' }, 'BAD_OPTION', /waits for approval/],
    ['paused', { status: 'paused' }, 'BAD_OPTION', /is paused/],
    ['passive', { passive: true }, 'BAD_OPTION', /is passive/],
    ['cloned', { halted: { HOST_CLONED: cloned } }, 'HOST_CLONED', /two machines/],
  ])('is refused by a host that is %s', (_, over, code, message) => {
    const obstacle = findRunObstacle(makeHost(over));
    expect(obstacle?.code).toBe(code);
    expect(obstacle?.message).toMatch(message);
  });

  test('takes the sync dirs that the list of that host allows', () => {
    const stored = ['uploads', 'uploads/photos', 'invoices'] as Path[];
    expect(listDirsOf(makeHost(), stored)).toEqual(['invoices', 'uploads', 'uploads/photos']);
    expect(listDirsOf(makeHost({ syncDirs: ['uploads/photos' as Path] }), stored)).toEqual([
      'uploads/photos',
    ]);
  });
});

describe('a host takes part in a run', () => {
  const readyAt = new Date();
  test.each<[string, Partial<Host>, Run['kind']]>([
    ['that is approved and ready', { readyAt }, 'pull'],
    ['that is passive, in a pull', { passive: true }, 'pull'],
    ['that is being bootstrapped, in a push', {}, 'push'],
    ['that is being bootstrapped, in an adoption', {}, 'adopt'],
  ])('%s', (_, over, kind) => {
    expect(findPartObstacle(makeHost(over), kind, 'A')).toBeUndefined();
  });

  test.each<[string, Partial<Host>, Run['kind'], string, RegExp]>([
    ['that it carries out itself', { id: 'A', readyAt }, 'push', 'BAD_OPTION', /itself/],
    [
      'while it is retired',
      { status: 'retired', hostname: 'web2#B' },
      'push',
      'HOST_RETIRED',
      /web2 was/,
    ],
    ['while it waits for approval', { status: 'pending' }, 'push', 'BAD_OPTION', /web2 waits/],
    ['while it is paused', { status: 'paused', readyAt }, 'adopt', 'BAD_OPTION', /web2 is paused/],
    ['that pulls from it while it is bootstrapped', {}, 'pull', 'BAD_OPTION', /web2 is new/],
    ['that verifies it while it is bootstrapped', {}, 'verify', 'BAD_OPTION', /web2 is new/],
  ])('but not in a run %s', (_, over, kind, code, message) => {
    const obstacle = findPartObstacle(makeHost(over), kind, 'A');
    expect(obstacle?.code).toBe(code);
    expect(obstacle?.message).toMatch(message);
  });

  test('only if its row exists', () => {
    expect(findPartObstacle(undefined, 'push', 'A')?.code).toBe('UNKNOWN_HOST');
  });
});

test('a requested run waits while nothing leads its host, and for ever if that was unregistered', () => {
  const host = makeHost();
  expect(explainWait({ state: 'requested' }, host, false)).toMatch(/no process leads web2/);
  expect(explainWait({ state: 'requested' }, host, true)).toBeUndefined();
  expect(explainWait({ state: 'running' }, host, false)).toBeUndefined();
  expect(explainWait({ state: 'cancelled' }, host, false)).toBeUndefined();
  const retired = makeHost({ status: 'retired' });
  expect(explainWait({ state: 'requested' }, retired, true)).toMatch(/cancel it/);
  expect(explainWait({ state: 'requested' }, undefined, true)).toMatch(/cancel it/);
});
