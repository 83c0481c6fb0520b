import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { explainHost, type ExplainedHost } from '../../src/decisions/explain-host.js';
import { assessHost, type HostFacts, type SenderFacts } from '../../src/decisions/host-state.js';
import { errorCatalogue, type ErrorCode } from '../../src/model/error-catalogue.js';
import { hostStates, hostStateWords, type HostStateName } from '../../src/model/host-state.js';
import type { Failure } from '../../src/model/failure.js';

const now = new Date('2026-01-02T12:00:00Z');
const ago = (seconds: number): Date => new Date(now.getTime() - seconds * 1000);
const fail = (code: ErrorCode, message = 'it failed'): Failure => ({
  code,
  message,
  retryable: true,
  scope: 'host',
});
const failing = (code: ErrorCode, from = 'web1', since = ago(30)): SenderFacts => ({
  from,
  failure: fail(code),
  failingSince: since,
});

type GivenHost = { [K in keyof HostFacts['host']]?: HostFacts['host'][K] | undefined };
type Given = Omit<Partial<HostFacts>, 'host'> & { host?: GivenHost };

/** A host that is up to date; what a test is about is given. */
function makeFacts({ host, ...given }: Given = {}): HostFacts {
  return {
    now,
    senders: [{ from: 'web1', deliveredAt: ago(10) }],
    blocked: [],
    ...given,
    host: {
      status: 'approved',
      passive: false,
      halted: {},
      readyAt: ago(1_000),
      createdAt: ago(2_000),
      heartbeatAt: ago(3),
      lease: { leader: 'x', beat: 1 },
      ...host,
    } as HostFacts['host'],
  };
}

const blocked = {
  code: 'DISK_FULL' as const,
  files: 1,
  retried: 1,
  path: 'uploads/a.jpg',
  message: 'No space left on device.',
};
const removals = { 'uploads/a': fail('REMOVALS_HALTED') };

/** For each state the fact that makes it hold by itself. */
const causes: Readonly<Record<HostStateName, Given>> = {
  pending: { host: { status: 'pending' } },
  cloned: { host: { halted: { HOST_CLONED: fail('HOST_CLONED') } } },
  down: { host: { heartbeatAt: ago(121) } },
  halted: { host: { halted: removals } },
  blocked: { blocked: [blocked] },
  filling: { host: { readyAt: undefined } },
  paused: { host: { status: 'paused' } },
  behind: { oldestPending: ago(61) },
  'up to date': {},
};

function join(a: Given, b: Given): Given {
  const halted = { ...a.host?.halted, ...b.host?.halted };
  return { ...b, ...a, host: { ...b.host, ...a.host, halted } };
}

describe('the state of a host', () => {
  test.each(hostStates)('is %s if only that holds', (state) => {
    expect(assessHost(makeFacts(causes[state]))).toBe(state);
  });

  test.each(
    hostStates.flatMap((first, i) =>
      hostStates.slice(i + 1).map((second) => [first, second] as const),
    ),
  )('is %s if %s holds as well', (first, second) => {
    // A paused host is not filled, so these two exclude each other.
    if (first === 'filling' && second === 'paused') return expectPausedUnready();
    expect(assessHost(makeFacts(join(causes[first], causes[second])))).toBe(first);
  });

  function expectPausedUnready(): void {
    expect(assessHost(makeFacts(join(causes.paused, causes.filling)))).toBe('paused');
  }

  test.each<[what: string, expected: HostStateName, given: Given]>([
    ['its heartbeat is two minutes old', 'up to date', { host: { heartbeatAt: ago(120) } }],
    ['its heartbeat lies in the future', 'up to date', { host: { heartbeatAt: ago(-900) } }],
    ['its leader gave the lease back just now', 'up to date', { host: { lease: undefined } }],
    ['its version sends no dated heartbeats', 'up to date', { host: { heartbeatAt: undefined } }],
    [
      'it was registered long ago and never started',
      'down',
      { host: { heartbeatAt: undefined, lease: undefined } },
    ],
    [
      'it was registered just now and has not started yet',
      'filling',
      {
        host: {
          heartbeatAt: undefined,
          lease: undefined,
          readyAt: undefined,
          createdAt: ago(20),
        },
      },
    ],
    [
      'it is passive, which has no heartbeat',
      'up to date',
      { host: { passive: true, heartbeatAt: undefined, lease: undefined } },
    ],
    ['no host ever delivered to it', 'up to date', { senders: [] }],
    ['its oldest file waits a minute', 'up to date', { oldestPending: ago(60) }],
    ['its only sender cannot reach it', 'down', { senders: [failing('HOST_UNREACHABLE')] }],
    ['it refuses the key of its only sender', 'down', { senders: [failing('AUTH_FAILED')] }],
    ['its disk is full for its only sender', 'blocked', { senders: [failing('DISK_FULL')] }],
    ['one sync dir is not mounted', 'blocked', { senders: [failing('NO_MARKER')] }],
    [
      'one sender cannot reach it and another one has since',
      'blocked',
      { senders: [failing('TIMED_OUT'), { from: 'web2', deliveredAt: ago(20) }] },
    ],
    [
      'one sender cannot reach it and another one has not tried since',
      'down',
      { senders: [failing('TIMED_OUT'), { from: 'web2', deliveredAt: ago(40) }] },
    ],
    [
      'one sender cannot reach it and another one finds its disk full',
      'blocked',
      { senders: [failing('TIMED_OUT'), failing('DISK_FULL', 'web2')] },
    ],
    [
      'it is passive and nobody reaches it',
      'down',
      { host: { passive: true }, senders: [failing('HOST_UNREACHABLE')] },
    ],
  ])('if %s: %s', (_, expected, given) => {
    expect(assessHost(makeFacts(given))).toBe(expected);
  });
});

describe('the explanation', () => {
  const explain = (given: Given, more: Partial<ExplainedHost> = {}) => {
    const facts = makeFacts(given);
    const host = { name: 'web3', isThisHost: false, ...facts, ...more };
    return explainHost(assessHost(facts), host);
  };
  const urgent = hostStates.filter((state) => !['behind', 'up to date'].includes(state));

  test.each(urgent)('of %s names the host, and says what is not lost', (state) => {
    const { cause, consequence } = explain(causes[state]);
    expect(cause).toContain('web3');
    expect(consequence).toMatch(/\.$/);
  });

  test.each(hostStates)('of %s has the remedy of the catalogue for its code', (state) => {
    const { code, remedy } = explain(causes[state]);
    if (code) expect(remedy).toBe(errorCatalogue[code].remedy);
    else expect(['filling', 'paused', 'behind', 'up to date']).toContain(state);
  });

  test.each(hostStates)('of %s contains no age, which would change by itself', (state) => {
    const { cause = '', consequence = '', remedy = '', note } = explain(causes[state]);
    expect(`${cause} ${consequence} ${remedy} ${note}`).not.toMatch(/\d+ (s|min|h|days)\b/);
  });

  test('of a host that nobody reaches names the senders and their message', () => {
    const senders = ['web1', 'web2'].map((from) => ({
      ...failing('HOST_UNREACHABLE', from),
      failure: fail('HOST_UNREACHABLE', 'The connection to web3 failed.'),
    }));
    expect(explain({ senders })).toMatchObject({
      note: 'no connection',
      cause: 'web1 and web2 cannot reach web3: The connection to web3 failed.',
      since: ago(30),
    });
  });

  test('of blocked files names one of them, and says how many are tried again', () => {
    const many = { ...blocked, files: 3, retried: 1 };
    expect(explain({ blocked: [many] })).toMatchObject({
      note: '3 files: no space left',
      cause:
        '3 files, such as uploads/a.jpg, cannot be delivered to web3: No space left on device.',
      consequence: 'All other files go on. One of these is tried again by itself.',
    });
    expect(explain({ blocked: [{ ...blocked, retried: 0 }] }).consequence).toContain(
      'This one waits for a person.',
    );
  });

  test('of a host that is paused while files are blocked says that nothing is tried', () => {
    const { consequence } = explain({ host: { status: 'paused' }, blocked: [blocked] });
    expect(consequence).toContain('web3 is paused as well');
  });

  test('of a pause names who paused it and why', () => {
    const paused = { by: 'ops', reason: 'disk swap', since: ago(100) };
    expect(explain(causes.paused, { paused })).toMatchObject({
      note: 'by ops: disk swap',
      cause: 'ops paused web3: “disk swap”.',
      since: ago(100),
    });
  });

  test('of a host that is filled says how far it is and from where', () => {
    const filling = { files: 62, filesFound: 100, from: ['web1'] };
    expect(explain(causes.filling, { filling }).note).toBe('62 %, from web1');
    expect(explain(causes.filling).note).toBe('');
  });
});

test('docs/design/host-states.md shows the states in their order, with words and codes', () => {
  const page = readFileSync(new URL('../../docs/design/host-states.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `([a-z ]+)` \| ([a-z ]+) \| [^|]+ \| ([^|]+) \|$/gm)];
  expect(rows.map(([, state, words]) => [state, words])).toEqual(
    hostStates.map((state) => [state, hostStateWords[state]]),
  );
  for (const [, state, , codes = ''] of rows) {
    const facts = makeFacts(causes[state as HostStateName]);
    const host = { name: 'web3', isThisHost: false, ...facts };
    const { code } = explainHost(state as HostStateName, host);
    if (code === undefined) expect(codes, state).toBe('–');
    else if (state !== 'blocked') expect(codes, state).toContain(`\`${code}\``);
  }
});
