import { expect, test } from 'vitest';
import { UnstoredCaptures } from '../../src/capture/unstored-captures.js';
import type { Capture } from '../../src/model/capture.js';
import { until } from '../harness/wait.js';

function makeCapture(id: string): Capture {
  return { id, host: 'a', dueAt: new Date(), touched: [], unreferenced: [], rescan: [] };
}

/** Notes the captures that are to be stored, and refuses those that `refuses` says. */
function makeStore(refuses: (id: string, tries: number) => boolean): {
  unstored: UnstoredCaptures;
  asked: string[];
} {
  const asked: string[] = [];
  const unstored = new UnstoredCaptures(({ id }) => {
    asked.push(id);
    return refuses(id, asked.length) ? Promise.reject(new Error('refused')) : Promise.resolve();
  });
  return { unstored, asked };
}

test('captures that were refused are stored again until they are accepted', async () => {
  const { unstored, asked } = makeStore((_, tries) => tries === 1);
  unstored.add([makeCapture('one')]);
  expect(unstored.isEmpty).toBe(false);
  await until(() => asked.length === 1, { what: 'the first try' });
  unstored.add([makeCapture('two')]);
  await until(() => unstored.isEmpty, { what: 'the second try' });
  expect(asked).toEqual(['one', 'one', 'two']);
  expect(await unstored.close()).toEqual([]);
  expect(asked).toHaveLength(3);
});

test('a capture that is refused for good keeps no other out, and the other is stored once', async () => {
  const { unstored, asked } = makeStore((id) => id === 'bad');
  unstored.add([makeCapture('bad'), makeCapture('good')]);
  await until(() => asked.filter((id) => id === 'bad').length === 3, { what: 'three tries' });
  expect(asked.filter((id) => id === 'good')).toHaveLength(1);
  expect([unstored.has('bad'), unstored.has('good')]).toEqual([true, false]);
  await unstored.close();
});

test('closing tries once more, tells what is lost, and takes nothing after it', async () => {
  const { unstored, asked } = makeStore(() => true);
  expect(unstored.add([makeCapture('one')])).toBe(true);
  expect((await unstored.close()).map(({ id }) => id)).toEqual(['one']);
  expect(asked).toEqual(['one']);
  expect(unstored.add([makeCapture('two')])).toBe(false);
  expect(await unstored.close()).toEqual([]);
  expect(asked).toEqual(['one']);
});
