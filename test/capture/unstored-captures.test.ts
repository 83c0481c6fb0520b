import { expect, test } from 'vitest';
import { UnstoredCaptures } from '../../src/capture/unstored-captures.js';
import type { Capture } from '../../src/model/capture.js';
import { until } from '../harness/wait.js';

function makeCapture(id: string): Capture {
  return { id, host: 'a', dueAt: new Date(), touched: [], unreferenced: [], rescan: [] };
}

/** What was to be stored, and how often that fails. */
function makeStore(failures: number): { unstored: UnstoredCaptures; asked: string[][] } {
  const asked: string[][] = [];
  const unstored = new UnstoredCaptures((captures) => {
    asked.push(captures.map(({ id }) => id));
    return asked.length <= failures ? Promise.reject(new Error('refused')) : Promise.resolve();
  });
  return { unstored, asked };
}

test('captures that were refused are stored again until they are accepted', async () => {
  const { unstored, asked } = makeStore(1);
  unstored.add([makeCapture('one')]);
  expect(unstored.isEmpty).toBe(false);
  await until(() => asked.length === 1, { what: 'the first try' });
  unstored.add([makeCapture('two')]);
  await until(() => unstored.isEmpty, { what: 'the second try' });
  expect(asked).toEqual([['one'], ['one', 'two']]);
  await unstored.close();
  expect(asked).toHaveLength(2);
});

test('closing tries once more, and nothing after it', async () => {
  const { unstored, asked } = makeStore(Infinity);
  unstored.add([makeCapture('one')]);
  await unstored.close();
  expect(asked).toEqual([['one']]);
  unstored.add([makeCapture('two')]);
  await unstored.close();
  expect(asked).toEqual([['one'], ['one', 'two']]);
});
