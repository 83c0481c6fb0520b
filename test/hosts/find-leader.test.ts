import { expect, test } from 'vitest';
import { findLeader } from '../../src/hosts/find-leader.js';
import { describeThisProcess } from '../../src/state-dir/process-identity.js';

const now = new Date('2026-01-02T12:00:00Z');
const hoursAgo = (hours: number): Date => new Date(now.getTime() - hours * 3_600_000);
const onThisMachine = describeThisProcess();
/** A process of another machine: whether it lives cannot be seen from here. */
const elsewhere = ['another-boot', ...onThisMachine.split(':').slice(1)].join(':');
const lead = (described: string) => ({ leader: `${described}:0123`, beat: 7 });

test('the status names the process that leads a host', async () => {
  const me = expect.stringMatching(`^process ${String(process.pid)} on .`) as string;
  expect(await findLeader({ lease: lead(onThisMachine), lastSeenAt: hoursAgo(1) }, now)).toEqual(
    me,
  );
  expect(await findLeader({ lease: lead(elsewhere), lastSeenAt: hoursAgo(1) }, now)).toEqual(me);
  expect(await findLeader({ lease: lead(elsewhere) }, now)).toEqual(me);
});

test('a host without a lease has no leader', async () => {
  expect(await findLeader({ lastSeenAt: hoursAgo(0) }, now)).toBeUndefined();
});

test('a leader of another machine that gave no sign for hours is not named', async () => {
  expect(
    await findLeader({ lease: lead(elsewhere), lastSeenAt: hoursAgo(3) }, now),
  ).toBeUndefined();
});

test.skipIf(process.platform !== 'linux')(
  `a leader of this machine that has died is not named${
    process.platform === 'linux' ? '' : ` (skipped: ${process.platform} has no /proc)`
  }`,
  async () => {
    // Another process had this pid before, as its start time shows.
    const died = [...onThisMachine.split(':').slice(0, -1), '1'].join(':');
    expect(await findLeader({ lease: lead(died), lastSeenAt: hoursAgo(0) }, now)).toBeUndefined();
  },
);
