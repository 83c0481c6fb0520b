import { afterEach, expect, test, vi } from 'vitest';
import { LocalDisks } from '../../src/replica/local-disks.js';
import { makeTestDir } from '../harness/tmp.js';
import { until } from '../harness/wait.js';

const ext4 = 0xef53,
  nfs = 0x6969,
  btrfs = 0x9123683e;

afterEach(() => {
  vi.useRealTimers();
});

/** Until the questions have been answered. */
const answered = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

test.each([
  ['ext4', ext4, true],
  ['Btrfs, whose number has the highest bit', btrfs, true],
  ['NFS', nfs, false],
])('%s', async (_, type, isNear) => {
  const disks = new LocalDisks(() => Promise.resolve(type));
  expect(disks.isLocal('/srv/uploads')).toBe(false);
  await answered();
  expect(disks.isLocal('/srv/uploads')).toBe(isNear);
});

test('a disk that cannot be examined is not local', async () => {
  const disks = new LocalDisks(() => Promise.reject(new Error('ENOENT')));
  disks.isLocal('/srv/uploads');
  await answered();
  expect(disks.isLocal('/srv/uploads')).toBe(false);
});

test('a disk is examined once a minute, and the previous answer counts until then', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  let type = ext4,
    asked = 0;
  const disks = new LocalDisks(() => {
    asked++;
    return Promise.resolve(type);
  });
  disks.isLocal('/srv/uploads');
  await answered();
  type = nfs;
  expect(disks.isLocal('/srv/uploads')).toBe(true);
  expect(asked).toBe(1);
  vi.advanceTimersByTime(60_001);
  expect(disks.isLocal('/srv/uploads')).toBe(true);
  await answered();
  expect(disks.isLocal('/srv/uploads')).toBe(false);
  expect(asked).toBe(2);
});

test.skipIf(process.platform !== 'linux')(
  "the system decides (skipped where it is not Linux: the numbers are Linux's)",
  async () => {
    const dir = await makeTestDir();
    const disks = new LocalDisks();
    await until(() => disks.isLocal(dir.path));
    await dir.remove();
  },
);
