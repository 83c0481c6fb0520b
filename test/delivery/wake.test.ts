import { afterEach, beforeEach, expect, test } from 'vitest';
import { WakeClient, WakeServer, type Hint } from '../../src/delivery/wake.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';
import { until } from '../harness/wait.js';

let state: TestDir;
beforeEach(async () => { state = await makeTestDir(); });
afterEach(() => state.remove());

test('a holder that ends late does not take the ear of the next one with it', async () => {
  const heard: Hint[] = [];
  const late = new WakeServer(state.path, () => undefined), next = new WakeServer(state.path, (hint) => { heard.push(hint); });
  const client = new WakeClient(state.path);
  await late.start();
  await next.start();
  await late.close();
  client.tell({ run: true });
  await until(() => heard.length > 0);
  expect(heard).toEqual([{ run: true }]);
  client.close();
  await next.close();
});

test('a hint that nobody hears is dropped, and the next one arrives', async () => {
  const heard: Hint[] = [];
  const client = new WakeClient(state.path);
  client.tell({ run: true });
  const server = new WakeServer(state.path, (hint) => { heard.push(hint); });
  await server.start();
  await until(() => { client.tell({ run: true }); return heard.length > 0; });
  client.close();
  await server.close();
});
