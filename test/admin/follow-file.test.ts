import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { expect, test } from 'vitest';
import { createAdmin } from '../../src/admin/create-admin.js';
import { EventStreams } from '../../src/admin/events/event-streams.js';
import { openOverviewSite } from '../overview/site.js';
import { EventClient } from './event-client.js';

const token = 'a-token-of-these-tests-0123456789abcdef';
const headers = { Authorization: `Bearer ${token}` };
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

test('events follow every file that is found, also one that only other hosts keep', async () => {
  const site = await openOverviewSite();
  for (const id of ['A', 'B']) await site.addHost(id);
  await site.addEntries([{ path: 'elsewhere/a.jpg', origin: 'B', heldBy: ['B'] }]);
  const sync = await site.open('A');
  const streams = new EventStreams(() => sync.overview());
  const admin = createAdmin(sync, { token, log: silent }, streams);
  const server = express().use(admin).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  try {
    const query = '?path=elsewhere%2Fa.jpg';
    const found: unknown = await (await fetch(`${url}/files${query}`, { headers })).json();
    expect(found).toMatchObject({ files: [{ captured: true, heldBy: [{ hostname: 'name-B' }] }] });
    const client = await EventClient.open(`${url}/events${query}`, headers);
    expect(client.status).toBe(200);
    expect((await client.waitFor('files')).data).toEqual(found);
    client.close();
  } finally {
    await streams.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await site.close();
  }
});
