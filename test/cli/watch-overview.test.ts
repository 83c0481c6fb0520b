import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import type { Overview } from '../../src/api/overview.js';
import type { CommandContext } from '../../src/cli/command-context.js';
import { Layout } from '../../src/cli/layout.js';
import { Screen } from '../../src/cli/screen.js';
import { watchOverview } from '../../src/cli/watch-overview.js';
import { until } from '../harness/wait.js';
import { makeOverview } from '../page/fake-data.js';

const showCursor = '\x1b[?25h';

test('an interruption gives the cursor back at once, and nothing is drawn after it', async () => {
  const out = Object.assign(new PassThrough(), { isTTY: true, columns: 80, rows: 40 });
  const interruption = new AbortController();
  let reads = 0;
  let answer: (overview: Overview) => void = () => undefined;
  const overview = (): Promise<Overview> =>
    ++reads === 1
      ? Promise.resolve(makeOverview())
      : new Promise((resolve) => {
          answer = resolve;
        });
  const context = {
    sync: { overview },
    screen: new Screen(out, new PassThrough()),
    layout: new Layout(true, 80),
    json: false,
    signal: interruption.signal,
  } as unknown as CommandContext;
  const watching = watchOverview(context, 1);
  // The database takes its time with the second one.
  await until(() => reads === 2);
  expect(String(out.read())).not.toContain(showCursor);
  interruption.abort();
  expect(String(out.read())).toBe(showCursor);
  answer(makeOverview({ headline: 'too late' }));
  await expect(watching).rejects.toMatchObject({ name: 'AbortError' });
  expect(out.read()).toBeNull();
});
