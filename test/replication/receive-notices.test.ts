import { expect, test } from 'vitest';
import { ReceiveNotices } from '../../src/replication/receive-notices.js';
import { EventBus } from '../../src/model/events.js';
import { until } from '../harness/wait.js';

test(
  'files received at about the same time are counted in one write, and the rest at ' + 'the end',
  async () => {
    const told: Record<string, number>[] = [];
    const landed = new ReceiveNotices(new EventBus(), (files) => {
      told.push(Object.fromEntries(files));
      return Promise.resolve();
    });
    landed.add('a', 1);
    landed.add('b', 2);
    landed.add('a', 3);
    await until(() => told.length > 0);
    landed.add('b', 1);
    await landed.close();
    expect(told).toEqual([{ a: 4, b: 2 }, { b: 1 }]);
  },
);

test(
  'a database that is away is reported as a failure, and nothing waits for it for ' + 'ever',
  async () => {
    const events = new EventBus();
    const failed: string[] = [];
    events.on('failed', ({ doing }) => {
      failed.push(doing);
    });
    const landed = new ReceiveNotices(events, () => Promise.reject(new Error('away')));
    landed.add('a', 1);
    await landed.close();
    expect(failed).toEqual(['notifying other hosts of new files']);
  },
);
