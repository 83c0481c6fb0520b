import { describe, expect, test } from 'vitest';
import {
  exploreLease,
  findBrokenLease,
  protocol,
  type LeaseBudget,
  type LeaseState,
  type Protocol,
} from './lease-model.js';

const none: LeaseBudget = { time: 0, crashes: 0, pauses: 0, failures: 0, sends: [2, 2] };
const cases: [string, Partial<LeaseBudget>][] = [
  ['a process is killed', { crashes: 1, sends: [3, 3] }],
  ['what the holder runs fails, and is begun again', { failures: 1 }],
  ['time passes, and answers come late', { time: 3, sends: [1, 2] }],
  ['time passes, and a process is killed', { time: 3, crashes: 1, sends: [1, 1] }],
  ['time passes, and a process stands still', { time: 4, pauses: 1, sends: [0, 2] }],
];

describe('in every order of events at most one process works, and no working process is taken for dead', () => {
  test.each(cases)(
    '%s',
    (_, budget) => {
      const { broken, complete } = exploreLease(protocol, { ...none, ...budget });
      expect(broken).toBeUndefined();
      expect(complete).toBe(true);
    },
    120_000,
  );
});

/** Another process works although no time has passed. */
const isFollowed = ({ all, left }: LeaseState): string | undefined =>
  left.time === 0 && all[1]?.work === 'working' && all[1].held > 0 ? 'followed' : undefined;

test('a killed process has a successor at once, a stopped process only when its time is over', () => {
  expect(exploreLease(protocol, { ...none, crashes: 1 }, isFollowed).broken?.what).toBe('followed');
  expect(exploreLease(protocol, { ...none, pauses: 1 }, isFollowed)).toMatchObject({
    complete: true,
  });
  expect(
    exploreLease(protocol, { ...none, pauses: 1, time: 3, sends: [0, 2] }, isFollowed).broken?.what,
  ).toBe('followed');
}, 120_000);

const mutations: [string, Partial<Protocol>, Partial<LeaseBudget>][] = [
  [
    'a process of another pid namespace is held for dead',
    { takesOtherNamespacesForDead: true },
    {},
  ],
  [
    'the holder counts from when a beat was answered',
    { countsFromAnswer: true },
    { time: 3, sends: [1, 2] },
  ],
  [
    'a beat that is carried out late announces an old socket',
    { carriesOutLateBeats: true },
    { failures: 1 },
  ],
  [
    'work is begun without a beat after the old socket was closed',
    { beginsUnconfirmed: true },
    { failures: 1 },
  ],
  [
    'a socket stays announced that is about to be closed',
    { staysAnnounced: true },
    { failures: 1 },
  ],
  ['the socket is closed before the work has ended', { closesSocketFirst: true }, { failures: 1 }],
  [
    'a rival is followed as soon as it is seen',
    {
      assessRival: (before, lease, at) => ({
        ...protocol.assessRival(before, lease, at),
        decision: 'take',
      }),
    },
    {},
  ],
];

test.each(mutations)(
  'a promise is broken where %s',
  (_, changed, budget) => {
    const { broken } = exploreLease(
      { ...protocol, ...changed },
      { ...none, ...budget },
      findBrokenLease,
    );
    expect(broken?.trace.length).toBeGreaterThan(2);
  },
  120_000,
);
