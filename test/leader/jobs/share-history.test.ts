import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LeaderContext } from '../../../src/context/leader-context.js';
import type { HistoryStateStore } from '../../../src/leader/history-state.js';
import { ShareHistory } from '../../../src/leader/jobs/share-history.js';
import type { Failure } from '../../../src/model/failure.js';
import type { Host, HostId } from '../../../src/model/host.js';
import type { History } from '../../../src/transport/history.js';
import { makePartial } from '../../harness/partial.js';
import { until } from '../../harness/wait.js';

const minute = 60_000;
const away: Failure = { code: 'HISTORY_FAILED', message: 'away', retryable: true, scope: 'host' };

let job: ShareHistory;
/** How often the history was shared with each host. */
let shared: Record<HostId, number>;
let recipients: Host[];
/** Each failure that was recorded, or that there is none any more. */
let recorded: [HostId, Failure | undefined][];
let share: (to: HostId, signal: AbortSignal) => Promise<Failure | undefined>;

beforeEach(() => {
  shared = { B: 0, C: 0 };
  share = () => Promise.resolve(undefined);
  const host = (id: HostId): Host =>
    makePartial<Host>({
      id,
      hostname: id,
      passive: false,
      status: 'approved',
      backend: 'git',
      history: {},
    });
  recipients = [host('A'), host('B'), host('C')];
  recorded = [];
  job = new ShareHistory(
    {
      me: 'A',
      backend: makePartial<LeaderContext['backend']>({
        history: makePartial<History>({
          share: async ({ id }, signal) => {
            shared[id]!++;
            return share(id, signal);
          },
        }),
      }),
      config: { history: { on: 'all' } } as LeaderContext['config'],
      events: makePartial<LeaderContext['events']>({ emit: () => undefined }),
      tuning: { backoffMs: 60 * minute, backoffMaxMs: 60 * minute } as LeaderContext['tuning'],
      registry: makePartial<LeaderContext['registry']>({
        recipients: () => recipients,
      }),
      hasTraffic: () => false,
    },
    makePartial<HistoryStateStore>({
      isAnnounced: true,
      recordUnshared: (id, failure) => {
        recorded.push([id, failure]);
        return Promise.resolve();
      },
    }),
  );
});
afterEach(() => job.close());

test('a host that fails delays no other one', async () => {
  share = (to) => Promise.resolve(to === 'C' ? away : undefined);
  job.poll();
  await until(() => shared['B'] === 1 && shared['C'] === 1);
  job.notice();
  await until(() => shared['B'] === 2);
  expect(shared['C']).toBe(1);
});

test('a host that takes long delays no other one, and ends with this process', async () => {
  let ended = false;
  share = (to, signal) =>
    to === 'B'
      ? Promise.resolve(undefined)
      : new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            ended = true;
            resolve({ ...away, code: 'CANCELLED' });
          });
        });
  job.poll();
  await until(() => shared['B'] === 1 && shared['C'] === 1);
  job.notice();
  await until(() => shared['B'] === 2);
  await job.close();
  expect([shared['C'], ended]).toEqual([1, true]);
});

test('what is recorded while a host gets the history goes to it afterwards', async () => {
  let end: () => void = () => undefined;
  share = (to) =>
    to === 'C' && shared['C'] === 1
      ? new Promise((resolve) => {
          end = () => {
            resolve(undefined);
          };
        })
      : Promise.resolve(undefined);
  job.poll();
  await until(() => shared['C'] === 1);
  job.notice();
  end();
  await until(() => shared['C'] === 2);
});

test('a failure of a host that gets no history any more is not recorded', async () => {
  let fail: () => void = () => undefined;
  share = (to) =>
    to === 'C'
      ? new Promise((resolve) => {
          fail = () => {
            resolve(away);
          };
        })
      : Promise.resolve(undefined);
  job.poll();
  await until(() => shared['B'] === 1 && shared['C'] === 1);
  recipients = recipients.filter(({ id }) => id !== 'C');
  job.notice();
  await until(() => recorded.some(([id]) => id === 'C'));
  fail();
  await until(() => recorded.filter(([id]) => id === 'C').length === 2);
  expect(recorded.filter(([id]) => id === 'C')).toEqual([
    ['C', undefined],
    ['C', undefined],
  ]);
});
