import { describe, expect, test } from 'vitest';
import { absenceText, assessAbsence } from '../../src/decisions/assess-absence.js';
import { explainHost } from '../../src/decisions/explain-host.js';
import { hostLimits, type HostFacts, type SenderFacts } from '../../src/decisions/host-state.js';
import type { Failure } from '../../src/model/failure.js';

const now = new Date('2026-11-28T12:00:00Z');
const ago = (seconds: number): Date => new Date(now.getTime() - seconds * 1_000);
const day = 86_400;
const long = hostLimits.absent + 1;

type Facts = HostFacts & { readonly name: string };
const makeFacts = (host: Partial<HostFacts['host']>, senders: SenderFacts[] = []): Facts => ({
  name: 'web4',
  host: { status: 'approved', passive: false, halted: {}, ...host },
  now,
  senders,
  blocked: [],
});
const failure: Failure = {
  code: 'HOST_UNREACHABLE',
  message: 'no route',
  scope: 'host',
  retryable: true,
};
const failing = (since: Date, deliveredAt?: Date): SenderFacts => ({
  from: 'web1',
  failure,
  failingSince: since,
  ...(deliveredAt && { deliveredAt }),
});

describe('somebody is asked, with a command that gives up no last copy', () => {
  test.each<[string, Facts, Date]>([
    ['a host without a heartbeat for a week', makeFacts({ heartbeatAt: ago(long) }), ago(long)],
    [
      'one that was registered a week ago and never started',
      makeFacts({ createdAt: ago(long) }),
      ago(long),
    ],
    [
      'a passive host that could not be reached for a week',
      makeFacts({ passive: true }, [failing(ago(long), ago(20 * day))]),
      ago(long),
    ],
    [
      'one whose last delivery came after its last heartbeat',
      makeFacts({ heartbeatAt: ago(30 * day) }, [failing(ago(9 * day), ago(10 * day))]),
      ago(10 * day),
    ],
  ])('about %s', (_what, facts, since) => {
    expect(assessAbsence(facts)).toEqual({ since, command: 'syncmedia unregister web4 --safe' });
  });
});

test.each<[string, Facts]>([
  [
    'a host that sent a heartbeat within the week',
    makeFacts({ heartbeatAt: ago(hostLimits.absent) }),
  ],
  [
    'one that receives files while its application is down',
    makeFacts({ heartbeatAt: ago(long) }, [{ from: 'web1', deliveredAt: ago(day) }]),
  ],
  [
    'one that works and cannot be reached',
    makeFacts({ heartbeatAt: ago(1) }, [failing(ago(long))]),
  ],
  [
    'a passive host that had nothing to receive for a week and has just gone',
    makeFacts({ passive: true }, [failing(ago(60), ago(20 * day))]),
  ],
  [
    'one of an older version, without dated heartbeats, that has just gone',
    makeFacts({ createdAt: ago(900 * day), lease: { leader: 'p', beat: 1 } }, [failing(ago(60))]),
  ],
  ['a host that somebody paused', makeFacts({ status: 'paused', heartbeatAt: ago(long) })],
  ['one that waits for approval', makeFacts({ status: 'pending', heartbeatAt: ago(long) })],
])('nobody is asked about %s', (_what, facts) => {
  expect(assessAbsence(facts)).toBeUndefined();
});

test('the explanation of an absent host says what to run, and what the command refuses', () => {
  const facts = { ...makeFacts({ heartbeatAt: ago(long) }), isThisHost: false };
  expect(explainHost('down', facts)).toMatchObject({
    note: `away for over ${absenceText}`,
    since: ago(long),
    remedy: expect.stringMatching(
      /`syncmedia unregister web4 --safe` on another host.*refuses/s,
    ) as string,
  });
});
