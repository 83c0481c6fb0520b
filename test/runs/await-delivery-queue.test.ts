import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LeaderContext } from '../../src/context/leader-context.js';
import type { Registry } from '../../src/hosts/registry.js';
import { EventBus } from '../../src/model/events.js';
import type { Failure } from '../../src/model/failure.js';
import type { Host } from '../../src/model/host.js';
import type { Path } from '../../src/model/path.js';
import type { Run } from '../../src/model/run.js';
import { waitForDelivery } from '../../src/runs/await-delivery-queue.js';
import { RunProgress } from '../../src/runs/run-progress.js';
import { fileEntry } from '../decisions/entries.js';
import { makePartial } from '../harness/partial.js';
import { until } from '../harness/wait.js';
import { openSite, photo, photos, type Site } from '../ledger/site.js';

const noMarker: Failure = {
  code: 'NO_MARKER',
  message: 'it is not mounted',
  retryable: true,
  scope: 'host',
};
const host = makePartial<Host>({ id: 'B', hostname: 'b', status: 'approved' });
let site: Site, events: EventBus, progress: RunProgress, woken: number;
beforeEach(async () => {
  site = await openSite(['A', 'B']);
  events = new EventBus();
  woken = 0;
  progress = new RunProgress(
    { files: 0, filesFound: 0, bytes: 0, bytesFound: 0, failures: [] } as unknown as Run,
    new AbortController().signal,
  );
  await site.ledger.insert(fileEntry({ path: photo('a.jpg'), pending: ['B'] }));
});
afterEach(() => site.close());

function wait(): Promise<void> {
  const context = makePartial<LeaderContext>({
    ledger: site.ledger,
    me: 'A',
    events,
    registry: makePartial<Registry>({ find: () => host }),
    wakeQueue: () => {
      woken++;
    },
  });
  return waitForDelivery(context, progress, host, [photos.path]);
}

test('a sync dir of the run that is not mounted ends the wait', async () => {
  const waiting = wait();
  await until(() => woken > 0);
  events.emit('failing', { host: 'B', dir: photos.path, failure: noMarker });
  await waiting;
  expect(progress.run.failures).toEqual([{ host: 'B', failure: noMarker }]);
});

test('another sync dir that is not mounted does not', async () => {
  const waiting = wait();
  await until(() => woken > 0);
  events.emit('failing', { host: 'B', dir: 'uploads/other' as Path, failure: noMarker });
  // Time to count what is pending, which is asked before these.
  for (let asked = 0; asked < 5; asked++) await site.ledger.count();
  const { path, version } = (await site.ledger.read(photo('a.jpg')))!;
  await site.ledger.releaseHost({ path, version }, 'B');
  await waiting;
  expect(progress.run.failures).toEqual([]);
});
