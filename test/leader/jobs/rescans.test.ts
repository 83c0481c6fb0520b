import { expect, test } from 'vitest';
import { Rescans } from '../../../src/leader/jobs/rescans.js';
import { EventBus } from '../../../src/model/events.js';
import type { KnownDirs } from '../../../src/context/known-dirs.js';
import type { Registry } from '../../../src/hosts/registry.js';
import { SyncDirs } from '../../../src/replica/sync-dirs.js';
import type { Host } from '../../../src/model/host.js';
import type { Path } from '../../../src/model/path.js';
import type { SyncDir } from '../../../src/model/sync-dir.js';
import { makePartial } from '../../harness/partial.js';
import { until } from '../../harness/wait.js';

const dir: SyncDir = { path: 'uploads' as Path, exclude: [], conflict: 'newer', onDelete: 'keep' };

/** What a host's row has, with a say in when a write is answered. */
function makeRescans(): {
  rescans: Rescans;
  stored: Map<Path, Date>;
  scans: () => number;
  answer: { hold(): void; give(): void; isAsked(): boolean };
} {
  const stored = new Map<Path, Date>();
  let scans = 0,
    give = (): void => undefined,
    waiting: Promise<void> | undefined,
    asked = false;
  const rescans = new Rescans({
    events: new EventBus(),
    dirs: makePartial<KnownDirs>({ current: () => new SyncDirs([dir]) }),
    registry: makePartial<Registry>({
      me: () => makePartial<Host>({ rescans: {} }),
      storeRescan: async (path, dueAt) => {
        if (dueAt === undefined) {
          asked = true;
          await waiting;
        }
        if (dueAt) stored.set(path, dueAt);
        else stored.delete(path);
      },
    }),
    scan: () => {
      scans++;
      return Promise.resolve();
    },
  });
  const hold = (): void => {
    waiting = new Promise((resolve) => {
      give = resolve;
    });
  };
  return {
    rescans,
    stored,
    scans: () => scans,
    answer: {
      hold,
      give: () => {
        give();
      },
      isAsked: () => asked,
    },
  };
}

test('a rescan requested while the last one is stored as done is stored, and carried out', async () => {
  const { rescans, stored, scans, answer } = makeRescans();
  rescans.start();
  answer.hold();
  await rescans.request(dir.path, 0);
  await until(answer.isAsked);
  const pending = rescans.request(dir.path, 0);
  answer.give();
  await pending;
  expect(stored.has(dir.path)).toBe(true);
  await until(() => scans() === 2);
  await until(() => stored.size === 0);
  await rescans.close();
});
