import { afterAll, beforeAll, expect, test } from 'vitest';
import { mutations } from '../mutations.js';
import { chooseWalk, followTrace } from './cases.js';
import { Replay } from './replay.js';
import { ReplaySite } from './site.js';

let site: ReplaySite, replay: Replay;
beforeAll(async () => {
  site = await ReplaySite.open();
  replay = await Replay.open(site);
});
afterAll(async () => {
  await replay?.close();
  await site?.close();
});

// Real saves are one step here, in which the capture precedes its document.
test.each(mutations.filter(({ options }) => options?.beside !== true))(
  'real hosts go the way that shows $name',
  async (mutation) => {
    const { model, steps } = followTrace(mutation);
    expect(steps.length).toBeGreaterThan(1);
    expect(await replay.take(model, steps)).toBeUndefined();
  },
  300_000,
);

test.each(Array.from({ length: 250 }, (_, seed) => seed))(
  'real hosts go the random walk %i',
  async (seed) => {
    const { model, steps } = chooseWalk(seed);
    expect(await replay.take(model, steps)).toBeUndefined();
  },
);
