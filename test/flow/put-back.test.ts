import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../harness/wait.js';
import { dir, openSite, threeOf, untilNothingPending, type Machine, type Site } from './site.js';

/**
 * A delivery puts back the file that the host's app wrote at its path in the meantime. The host's
 * own capture may be gone by then: it was processed while the delivered bytes lay at the path. In
 * these tests the app does not save at all, so there never is such a capture.
 */
let site: Site, one: Machine, two: Machine, three: Machine;
beforeEach(async () => {
  // Scans that come by themselves would find it, too.
  site = await openSite({
    plugin: { onDelete: 'propagate', rescan: false },
    tuning: { scansPeriodically: false },
  });
  [one, two, three] = threeOf(site);
});
afterEach(() => site.close());

const file = `${dir}/a.jpg`;
const everywhere = async (content: string): Promise<void> => {
  for (const machine of [one, two, three]) {
    await until(async () => (await machine.read(file)) === content, {
      timeout: 20_000,
      what: `${JSON.stringify(content)} on ${machine.name}`,
    });
  }
};
async function saveOn(machine: Machine, content: string): Promise<void> {
  await machine.write(file, content);
  await machine.app.Photo.create({ title: 'a photo', file });
}

test('a file that a delivery puts back on a host is captured there, and reaches every host', async () => {
  await two.write(file, 'by two, on its own disk only');
  await saveOn(one, 'by one');
  await everywhere('by two, on its own disk only');
  await untilNothingPending(site);
  expect(
    (await two.listArea('conflicts')).concat(
      await one.listArea('conflicts'),
      await one.listArea('trash'),
    ),
  ).toContain('a.jpg');
}, 120_000);

test('a file that a removal puts back on a host is captured there, and reaches every host', async () => {
  await saveOn(one, 'by one');
  await everywhere('by one');
  await untilNothingPending(site);
  await two.write(file, 'by two, on its own disk only');
  await one.app.Photo.findOneAndDelete({ file });
  await rm(one.path(file));
  await everywhere('by two, on its own disk only');
  await untilNothingPending(site);
}, 120_000);
