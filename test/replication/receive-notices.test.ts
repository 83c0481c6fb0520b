import { expect, test } from 'vitest';
import { ReceiveNotices } from '../../src/replication/receive-notices.js';
import { EventBus } from '../../src/model/events.js';
import { until } from '../harness/wait.js';

test('files received at about the same time are counted in one write, and the rest at the end', async () => {
  const told: Record<string, number>[] = [];
  const notices = new ReceiveNotices(new EventBus(), (files) => {
    told.push(Object.fromEntries(files));
    return Promise.resolve();
  });
  notices.add('a', 1);
  notices.add('b', 2);
  notices.add('a', 3);
  await until(() => told.length > 0);
  notices.add('b', 1);
  await notices.close();
  expect(told).toEqual([{ a: 4, b: 2 }, { b: 1 }]);
});

test('a database that is away is reported as a failure, and nothing waits for it for ever', async () => {
  const events = new EventBus();
  const failed: string[] = [];
  events.on('failed', ({ doing }) => {
    failed.push(doing);
  });
  const notices = new ReceiveNotices(events, () => Promise.reject(new Error('away')));
  notices.add('a', 1);
  await notices.close();
  expect(failed).toEqual(['notifying other hosts of new files']);
});
