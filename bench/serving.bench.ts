import { randomBytes } from 'node:crypto';
import { get } from 'node:http';
import autocannon from 'autocannon';
import express from 'express';
import { expect, test } from 'vitest';
import { dir, openSite, threeOf, untilNothingPending } from '../test/flow/site.js';
import { until } from '../test/harness/wait.js';
import { makeServed } from '../test/serving/served.js';
import { startWeb } from '../test/serving/web.js';

const rounds = 15,
  seconds = 1,
  connections = 20,
  largeBytes = 128 * 1024 * 1024;

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

/**
 * Requests per second: of small files as many as one second takes, of large ones as many as move so
 * many bytes.
 */
async function load(url: string, size: number): Promise<number> {
  const isLarge = size > 512 * 1024,
    began = performance.now();
  const { requests, non2xx, errors } = await autocannon({
    url,
    workers: 1,
    ...(isLarge
      ? { connections: 4, amount: Math.ceil(largeBytes / size) }
      : { connections, duration: seconds }),
  });
  expect([non2xx, errors]).toEqual([0, 0]);
  return isLarge ? requests.total / ((performance.now() - began) / 1_000) : requests.average;
}

// Both are served by this process, in turns, so that what else the machine does meets both.
test.each([
  ['4 KB', 4 * 1024],
  ['100 KB', 100 * 1024],
  ['1 MB', 1024 * 1024],
  ['16 MB', 16 * 1024 * 1024],
])('a local hit of %s costs at most 1.1 times what express.static does', async (name, size) => {
  const served = await makeServed();
  await served.write('uploads/file.jpg', randomBytes(size));
  const web = await startWeb((app) => {
    app.use('/ours', served.serve());
    app.use('/static', express.static(`${served.root}/uploads`));
  });
  const results: { ours: number; theirs: number }[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      const theirs = await load(`${web.url}/static/file.jpg`, size);
      results.push({ theirs, ours: await load(`${web.url}/ours/file.jpg`, size) });
    }
  } finally {
    await web.close();
    await served.remove();
  }
  const cost = median(results.map(({ ours, theirs }) => theirs / ours));
  console.log(
    `local hit, ${name}: express.static ` +
      `${median(results.map(({ theirs }) => theirs)).toFixed(0)} requests/s, serveMedia ` +
      `${median(results.map(({ ours }) => ours)).toFixed(0)}; ` +
      `cost ${cost.toFixed(2)} (median of ${rounds} rounds)`,
  );
  expect(cost).toBeLessThanOrEqual(1.1);
});

test('a fetch over a warm connection brings the first byte within 10 ms', async () => {
  const files = 60;
  const site = await openSite();
  const [one, two] = threeOf(site);
  const web = await startWeb((app) => {
    app.use('/uploads', two.app.sync.serve('uploads'));
  });
  try {
    await one.app.sync.hosts.edit('two', { status: 'paused' });
    await untilNothingPending(site);
    const times: number[] = [];
    for (let i = 0; i < files; i++) {
      const file = `${dir}/${String(i)}.jpg`;
      await one.write(file, randomBytes(200_000));
      await one.app.Photo.create({ title: file, file });
      await until(async () => (await one.app.sync.statusOf(file)).files[0]?.captured);
      times.push(await timeToFirstByte(`${web.url}/${file}`));
    }
    // The first ones log in to each host.
    const warm = times.slice(5);
    console.log(
      `fetched: first byte after ${median(warm).toFixed(1)} ms (median of ${warm.length}; the ` +
        `first, which logs in, after ${times[0]?.toFixed(0) ?? ''})`,
    );
    expect(median(warm)).toBeLessThanOrEqual(10);
  } finally {
    await web.close();
    await site.close();
  }
});

function timeToFirstByte(url: string): Promise<number> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    get(url, (response) => {
      response.once('data', () => {
        resolve(performance.now() - began);
      });
      response.resume();
    }).on('error', reject);
  });
}

test("a save with copies: 'all' takes as long as its delivery", async () => {
  const saves = 30;
  const site = await openSite({ plugin: { rescan: false } });
  const [one, two, three] = threeOf(site);
  try {
    const waiting = await one.startApp({ plugin: { copies: 'all', copiesTimeout: 20_000 } });
    const save = async (app: typeof waiting, name: string): Promise<number> => {
      await one.write(`${dir}/${name}`, name);
      const began = performance.now();
      await app.Photo.create({ title: name, file: `${dir}/${name}` });
      const arrived = (): Promise<boolean> =>
        Promise.all([two, three].map((machine) => machine.read(`${dir}/${name}`))).then((found) =>
          found.every((content) => content === name),
        );
      if (app === waiting) expect(await arrived()).toBe(true);
      else await until(arrived, { interval: 1 });
      return performance.now() - began;
    };
    const waited: number[] = [],
      delivered: number[] = [];
    for (let i = 0; i < saves; i++) {
      delivered.push(await save(one.app, `plain-${String(i)}.jpg`));
      waited.push(await save(waiting, `copies-${String(i)}.jpg`));
    }
    console.log(
      `copies: 'all': ${median(waited).toFixed(0)} ms for the save; a save and its delivery to ` +
        `both without it ${median(delivered).toFixed(0)} ms`,
    );
    expect(waited.length).toBe(saves);
  } finally {
    await site.close();
  }
});
