import { afterAll, beforeAll, expect, test } from 'vitest';
import { mutations } from './mutations.js';
import { chooseWalk, followTrace } from './replay/cases.js';
import { Replay } from './replay/replay.js';
import { ReplaySite } from './replay/site.js';

let site: ReplaySite, replay: Replay;
beforeAll(async () => {
  site = await ReplaySite.open();
  replay = await Replay.open(site);
});
afterAll(async () => {
  await replay?.close();
  await site?.close();
});

// The others, and the traces of every wrong decision: `npm run test:replay`.
const traces = [
  'acknowledge-without-fence',
  'take-over-only-from-gone',
  'capture-old-versions',
  'nothing-is-lost',
  'removal-keeps-its-file',
  'size-and-time-are-enough',
];

test.each(mutations.filter(({ name }) => traces.includes(name)))(
  'real hosts go the way that shows $name',
  async (mutation) => {
    const { model, steps } = followTrace(mutation);
    expect(steps.length).toBeGreaterThan(1);
    expect(await replay.take(model, steps)).toBeUndefined();
  },
);

test.each(Array.from({ length: 12 }, (_, i) => i * 8 + 3))(
  'real hosts go the random walk %i',
  async (seed) => {
    const { model, steps } = chooseWalk(seed);
    expect(steps.length).toBeGreaterThan(1);
    expect(await replay.take(model, steps)).toBeUndefined();
  },
);
