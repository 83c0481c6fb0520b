import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ForgottenPath } from '../../../src/context/forgotten-paths.js';
import type { LeaderContext } from '../../../src/context/leader-context.js';
import { ForgetHistory } from '../../../src/leader/jobs/forget-history.js';
import type { Host, HistoryState } from '../../../src/model/host.js';
import type { Path } from '../../../src/model/path.js';
import type { History } from '../../../src/transport/history.js';
import { makePartial } from '../../harness/partial.js';

const minute = 60_000;

let requests: ForgottenPath[], calls: string[][], log: string[], failed: unknown[];
let mine: HistoryState, theirs: HistoryState, isAnnounced: boolean, failure: Error | undefined;
let job: ForgetHistory;

beforeEach(() => {
  [requests, calls, log, failed] = [[], [], [], []];
  [mine, theirs, isAnnounced, failure] = [{}, {}, true, undefined];
  const history = makePartial<History>({
    forget: (given) => {
      calls.push(given.map(({ path }) => path));
      return failure ? Promise.reject(failure) : Promise.resolve(true);
    },
  });
  job = new ForgetHistory(
    {
      me: 'A',
      backend: makePartial<LeaderContext['backend']>({ history }),
      config: {
        history: { days: 30 },
        log: { info: (line: string) => log.push(line) },
      } as unknown as LeaderContext['config'],
      forgotten: makePartial<LeaderContext['forgotten']>({
        listSince: (since, except, limit) =>
          Promise.resolve(
            requests.filter(({ id, at }) => at >= since && !except.includes(id)).slice(0, limit),
          ),
      }),
      registry: makePartial<LeaderContext['registry']>({
        me: () => ({ id: 'A', history: mine }) as Host,
        now: () => new Date(),
        others: () => [{ id: 'B', history: theirs } as Host],
      }),
      events: makePartial<LeaderContext['events']>({
        emit: (_name, event) => {
          failed.push(event);
        },
      }),
    },
    {
      get isAnnounced() {
        return isAnnounced;
      },
      recordForgotten: (at) => {
        mine = { forgottenUntil: at };
        return Promise.resolve();
      },
    },
  );
});
afterEach(async () => {
  await job.close();
});

function ask(path: string, minutesAgo: number): ForgottenPath {
  const request = { id: path, path: path as Path, at: new Date(Date.now() - minutesAgo * minute) };
  requests.push(request);
  return request;
}

async function poll(isThorough = true): Promise<string[][]> {
  calls = [];
  if (isThorough) job.pollThoroughly();
  else job.poll();
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  return calls;
}

test('requests are carried out by one walk, once, and told once', async () => {
  ask('a', 40);
  ask('b', 1);
  expect(await poll()).toEqual([['a', 'b']]);
  expect(await poll()).toEqual([]);
  ask('c', 0);
  expect(await poll()).toEqual([['c']]);
  expect(log).toHaveLength(3);
});

test('when another host has carried out a request, all are carried out again: it may have sent what it had not forgotten', async () => {
  const { at } = ask('a', 40);
  await poll();
  theirs = { forgottenUntil: at };
  expect(await poll()).toEqual([['a']]);
  expect(await poll()).toEqual([]);
  expect(log).toHaveLength(1);
});

test('when another host cannot share, all are carried out again: it may have forgotten what it sent before', async () => {
  ask('a', 40);
  await poll();
  const refused = { code: 'HISTORY_FAILED', message: 'x', retryable: true, scope: 'host' } as const;
  theirs = { unshared: { A: { failure: refused, since: new Date() } } };
  expect(await poll()).toEqual([['a']]);
  theirs = { unshared: { ...theirs.unshared, C: { failure: refused, since: new Date() } } };
  expect(await poll()).toEqual([]);
});

test('nothing is carried out before the history was opened', async () => {
  isAnnounced = false;
  ask('a', 1);
  expect(await poll()).toEqual([]);
  isAnnounced = true;
  expect(await poll(false)).toEqual([['a']]);
  expect(mine.forgottenUntil).toEqual(requests[0]?.at);
});

test('a request that fails is carried out by the next poll', async () => {
  ask('a', 1);
  failure = new Error('the disk is full');
  await poll();
  expect([failed.length, mine.forgottenUntil]).toEqual([1, undefined]);
  failure = undefined;
  expect(await poll()).toEqual([['a']]);
});
