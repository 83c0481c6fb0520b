import express from 'express';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TotalsRow } from '../../src/counters/counter-row.js';
import { until } from '../harness/wait.js';
import { dir, openSite, threeOf, untilNothingPending, type Machine, type Site } from './site.js';

const token = 'a-token-of-more-than-thirty-two-characters';

let site: Site, one: Machine, two: Machine, three: Machine;
beforeAll(async () => {
  site = await openSite({
    plugin: { rescan: false },
    environment: { SYNCMEDIA_ADMIN_TOKEN: token },
  });
  [one, two, three] = threeOf(site);
}, 120_000);
afterAll(() => site.close());

const listTotals = (): Promise<TotalsRow[]> =>
  site.database.connection
    .collection<TotalsRow>('syncmedia_counters')
    .find({ _id: { $gte: 'host:', $lt: 'host;' } })
    .toArray();
/** How many files were delivered to a host, over a path, as all processes counted. */
async function countDelivered(to: Machine, path = 'express'): Promise<number> {
  const { id } = await to.app.sync.hosts.show(to.name);
  return (await listTotals()).reduce(
    (sum, row) => sum + (row.to?.[id]?.deliveries?.[path]?.['delivered'] ?? 0),
    0,
  );
}
async function save(on: Machine, name: string, content: string | Uint8Array = name): Promise<void> {
  await on.write(`${dir}/${name}`, content);
  await on.app.Photo.create({ title: name, file: `${dir}/${name}` });
}
const scrape = async (machine: Machine): Promise<string> => {
  const app = express().use('/admin', machine.app.sync.admin());
  const { text } = await request(app)
    .get('/admin/metrics')
    .set('Authorization', `Bearer ${token}`)
    .expect(200);
  return text;
};
const readValue = (text: string, series: string): number | undefined => {
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length));
};

describe('counters of a site', () => {
  test('have every delivery once, by host and path, with its bytes and durations', async () => {
    for (const name of ['a.jpg', 'b.jpg', 'c.jpg']) await save(one, name);
    await save(two, 'large.bin', new Uint8Array(2 * 1024 * 1024));
    await untilNothingPending(site);
    await until(
      async () =>
        (await countDelivered(two)) === 3 &&
        (await countDelivered(three)) === 3 &&
        (await countDelivered(one, 'rsync')) === 1 &&
        (await countDelivered(three, 'rsync')) === 1,
    );
    const { id } = await one.app.sync.hosts.show('three');
    const [fromOne] = (await listTotals()).filter(({ to }) => to?.[id]?.deliveries?.['express']);
    expect(fromOne?.to?.[id]?.bytes).toEqual({ express: 15 });
    const { duration, saveToHost } = fromOne?.to?.[id] ?? {};
    for (const histogram of [duration, saveToHost])
      expect(Object.values(histogram?.buckets ?? {}).reduce((sum, count) => sum + count, 0)).toBe(
        3,
      );
  });

  test('are told by every host alike, for all hosts', async () => {
    const texts = await Promise.all([one, two, three].map(scrape));
    for (const text of texts) {
      expect(
        readValue(
          text,
          'syncmedia_deliveries_total{host="three",path="express",outcome="delivered"}',
        ),
      ).toBe(3);
      expect(readValue(text, 'syncmedia_delivered_bytes_total{host="one",path="rsync"}')).toBe(
        2 * 1024 * 1024,
      );
      expect(readValue(text, 'syncmedia_save_to_host_duration_seconds_count{host="three"}')).toBe(
        4,
      );
      expect(readValue(text, 'syncmedia_host_state{host="two",state="up to date"}')).toBe(1);
      expect(readValue(text, 'syncmedia_ledger_entries')).toBe(4);
    }
  });

  test('have the bars of the last hour in the overview', async () => {
    const { hosts } = await one.app.sync.overview();
    const sums = hosts.map(({ hostname, deliveries }) => [
      hostname,
      deliveries.reduce((sum, count) => sum + count, 0),
    ]);
    expect(Object.fromEntries(sums)).toEqual({ one: 1, two: 3, three: 4 });
  });

  test('count the requests of visitors by what came of them', async () => {
    const app = express()
      .use('/uploads', three.app.sync.serve('uploads'))
      .use((_request, response) => void response.status(404).end());
    await request(app).get(`/${dir}/a.jpg`).expect(200);
    await request(app).get(`/${dir}/a.jpg`).set('If-None-Match', '"other"').expect(200);
    await request(app).get(`/${dir}/none.jpg`).expect(404);
    await request(app).get('/uploads/%2e%2e/%2e%2e/etc/passwd').expect(404);
    const { id } = await three.app.sync.hosts.show('three');
    await until(async () => {
      const [row] = (await listTotals()).filter(({ _id }) => _id === `host:${id}`);
      expect(row?.reads).toEqual({ local: 2, missing: 1 });
      return true;
    });
  });

  test('count runs that end, also one that is cancelled before it began', async () => {
    const { id } = await one.app.sync.push();
    await one.app.sync.runs.follow(id);
    await until(
      async () =>
        readValue(await scrape(two), 'syncmedia_runs_total{kind="push",state="done"}') === 1,
    );
  });

  test('go on after another process has become the leader, and lose nothing when one is closed', async () => {
    const before = await countDelivered(two);
    const other = await one.startApp();
    await save(one, 'last.jpg');
    await one.app.sync.waitFor(`${dir}/last.jpg`, { copies: 'all' });
    await one.app.close();
    await until(async () => (await countDelivered(two)) === before + 1);
    await one.write(`${dir}/next.jpg`, 'next');
    await other.Photo.create({ title: 'next', file: `${dir}/next.jpg` });
    await until(async () => (await countDelivered(two)) === before + 2);
    const [row] = (await listTotals()).filter(({ to }) => to !== undefined);
    expect(Object.keys(row?.writers ?? {}).length).toBeGreaterThan(0);
  });
});
