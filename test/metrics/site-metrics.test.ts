import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { findTestProgram } from '../../scripts/test-programs.mjs';
import type { Overview } from '../../src/api/overview.js';
import { deliveryOutcomes, deliveryPaths } from '../../src/counters/counter-row.js';
import { errorCatalogue, type ErrorCode } from '../../src/model/error-catalogue.js';
import { loadPromClient } from '../../src/metrics/load-prom-client.js';
import { metricDefinitions } from '../../src/metrics/metrics-list.js';
import { SiteMetrics } from '../../src/metrics/site-metrics.js';
import type { MetricsReading } from '../../src/metrics/metrics-reading.js';
import { makeHostOverview, makeOverview, makeReading } from './overviews.js';

const promtool = await findTestProgram('promtool');

/** The text of the metrics of a reading, with another registry of prom-client. */
async function write(reading: Partial<MetricsReading>, registry = new Registry()): Promise<string> {
  for (const { name, help, type, read } of metricDefinitions)
    registry.registerMetric({
      name,
      help,
      type,
      get: () => ({ name, help, type, values: read(makeReading(reading)) }),
    } as never);
  return registry.metrics();
}
const listSeries = (text: string): string[] =>
  text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
const names = metricDefinitions.map(({ name }) => name);

/** A site of 50 hosts in every state, in which everything happened and every sender fails. */
function makeLargeSite(): Partial<MetricsReading> {
  const codes = Object.keys(errorCatalogue) as ErrorCode[];
  const hosts = Array.from({ length: 50 }, (_, index) =>
    makeHostOverview({
      id: `h${String(index)}`,
      hostname: `web${String(index)}.example.com`,
      state: (['down', 'blocked', 'up to date'] as const)[index % 3] ?? 'down',
      version: `0.1.${String(index % 3)}`,
      heartbeatSecondsAgo: index,
      clockOffsetSeconds: -index,
      deliveredSecondsAgo: index,
      oldestSeconds: 10 * index,
      code: codes[index % codes.length] ?? 'BAD_STATE',
      blockedBy: codes.slice(0, 8).map((code) => ({ code, files: 2 })),
      failures: Array.from({ length: 49 }, (_unused, sender) => ({
        from: `web${String(sender)}`,
        code: codes[sender % 5] ?? 'BAD_STATE',
        message: `message ${String(sender)}`,
        remedy: '',
      })),
    }),
  );
  const counts = { buckets: { 0: 1, 5: 2, 12: 3 }, ms: 1_234_567 };
  const deliveries = Object.fromEntries(
    deliveryPaths.map((path) => [
      path,
      Object.fromEntries(deliveryOutcomes.map((outcome) => [outcome, 7])),
    ]),
  );
  const to = Object.fromEntries(
    hosts.map(({ id }) => [
      id,
      { deliveries, bytes: { express: 5 }, duration: counts, saveToHost: counts },
    ]),
  );
  return {
    overview: makeOverview({ hosts }),
    totals: hosts.map(({ id }) => ({ _id: `host:${id}`, to, reads: { local: 4 } })),
    waiting: hosts.map(({ id }) => ({ host: id, captures: 2, oldestSeconds: 3 })),
  };
}

describe('the metrics', () => {
  test('have at most 6,000 series for 50 hosts in which everything happened', async () => {
    const series = listSeries(await write(makeLargeSite()));
    expect(series.length).toBeGreaterThan(3_000);
    expect(series.length).toBeLessThanOrEqual(6_000);
    expect(new Set(series.map((line) => line.slice(0, line.lastIndexOf(' ')))).size).toBe(
      series.length,
    );
  });

  test('have no label but those of their definitions', async () => {
    const text = await write(makeLargeSite());
    const allowed = new Set([...metricDefinitions.flatMap(({ labels }) => labels), 'le']);
    expect([...allowed].sort()).toEqual([
      'code',
      'host',
      'kind',
      'le',
      'outcome',
      'path',
      'state',
      'version',
    ]);
    const used = listSeries(text).flatMap((line) =>
      [...line.matchAll(/[{,](\w+)="/g)].map(([, label]) => label),
    );
    expect([...new Set(used)].filter((label) => !allowed.has(label ?? ''))).toEqual([]);
    // `path` is how a file was sent, not which one.
    const paths = listSeries(text).flatMap((line) => /path="([^"]*)"/.exec(line)?.[1] ?? []);
    expect([...new Set(paths)].sort()).toEqual([...deliveryPaths].sort());
  });

  test('add up what all hosts have counted', async () => {
    const text = await write({
      overview: makeOverview({ hosts: [makeHostOverview()] }),
      totals: [
        { _id: 'host:h1', reads: { local: 3 }, runs: { push: { done: 2 } } },
        {
          _id: 'host:h2',
          to: {
            h1: {
              deliveries: { express: { delivered: 5 } },
              duration: { buckets: { 1: 2, 12: 1 }, ms: 9_000 },
            },
          },
        },
        {
          _id: 'host:retired',
          to: { h1: { deliveries: { express: { delivered: 4 } } } },
          runs: { push: { done: 1 } },
        },
      ],
    });
    expect(text).toContain(
      'syncmedia_deliveries_total{host="web1",path="express",outcome="delivered"} 9\n',
    );
    expect(text).toContain('syncmedia_reads_total{host="web1",outcome="local"} 3\n');
    expect(text).toContain('syncmedia_runs_total{kind="push",state="done"} 3\n');
    expect(text).toContain(
      'syncmedia_delivery_duration_seconds_bucket{host="web1",le="0.005"} 0\n',
    );
    expect(text).toContain('syncmedia_delivery_duration_seconds_bucket{host="web1",le="0.01"} 2\n');
    expect(text).toContain('syncmedia_delivery_duration_seconds_bucket{host="web1",le="300"} 2\n');
    expect(text).toContain('syncmedia_delivery_duration_seconds_bucket{host="web1",le="+Inf"} 3\n');
    expect(text).toContain('syncmedia_delivery_duration_seconds_sum{host="web1"} 9\n');
    expect(text).toContain('syncmedia_delivery_duration_seconds_count{host="web1"} 3\n');
  });

  test('keep hostile names within their label, and unknown codes out of it', async () => {
    const hostname = 'a"} 1\nfake{x="\\\u202e<b>宽';
    const text = await write({
      overview: makeOverview({
        hosts: [
          makeHostOverview({
            hostname,
            version: '1"\n2',
            code: 'x" 1' as ErrorCode,
            blockedBy: [
              { code: '$where' as ErrorCode, files: 1 },
              { code: 'constructor' as ErrorCode, files: 2 },
            ],
          }),
        ],
      }),
    });
    expect(listSeries(text).filter((line) => !line.startsWith('syncmedia_'))).toEqual([]);
    expect(text).toContain('code="OTHER"} 3\n');
    expect(text).not.toContain('$where');
  });

  test('take malformed amounts as none', async () => {
    const to = {
      h1: { deliveries: { express: { delivered: -5, kept: NaN } }, bytes: { rsync: Infinity } },
    };
    const text = await write({
      overview: makeOverview({ hosts: [makeHostOverview()] }),
      totals: [{ _id: 'host:h1', to }],
    });
    expect(listSeries(text).filter((line) => /deliver/.test(line) && !/ 0$/.test(line))).toEqual(
      [],
    );
  });

  test.skipIf(promtool === undefined).each([
    ['of a large site', makeLargeSite()],
    ['of a site without hosts', {}],
    [
      'with hostile names',
      { overview: makeOverview({ hosts: [makeHostOverview({ hostname: '"\n\\' })] }) },
    ],
  ])(
    'pass promtool check metrics, %s (where there is no promtool: node scripts/setup.mjs --for tests)',
    async (_, reading) => {
      const child = spawn(promtool ?? '', ['check', 'metrics'], {
        stdio: ['pipe', 'pipe', 'pipe'],
      });
      let said = '';
      child.stdout.on('data', (part) => (said += String(part)));
      child.stderr.on('data', (part) => (said += String(part)));
      child.stdin.end(await write(reading));
      const [code] = (await once(child, 'close')) as [number];
      expect(said).toBe('');
      expect(code).toBe(0);
    },
  );

  test('are also written as OpenMetrics', async () => {
    const registry = new Registry();
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
    const metrics = new SiteMetrics({
      readOverview: () => Promise.resolve(makeOverview({ hosts: [makeHostOverview()] })),
      openContext: () => Promise.resolve(undefined),
    });
    metrics.register(registry);
    const text = await registry.metrics();
    expect(text).toContain('# TYPE syncmedia_reads counter\n');
    expect(text).toContain('syncmedia_reads_total{host="web1",outcome="local"} 0\n');
    expect(text.endsWith('# EOF\n')).toBe(true);
  });

  // "A metric with that name has already been registered" is what users of prom-client meet most
  // where a module is loaded anew.
  test.each([Registry.PROMETHEUS_CONTENT_TYPE, Registry.OPENMETRICS_CONTENT_TYPE])(
    'may be registered again, also in a registry that was cleared: %s',
    async (contentType) => {
      const registry = new Registry();
      registry.setContentType(contentType as never);
      const metrics = new SiteMetrics({
        readOverview: () => Promise.resolve(makeOverview({ hosts: [makeHostOverview()] })),
        openContext: () => Promise.resolve(undefined),
      });
      const listTypes = async (): Promise<string[]> =>
        (await registry.metrics()).split('\n').filter((line) => line.startsWith('# TYPE'));
      metrics.register(registry);
      const types = await listTypes();
      expect(types).toHaveLength(names.length);
      metrics.register(registry);
      expect(await listTypes()).toEqual(types);
      registry.clear();
      metrics.register(registry);
      expect(await listTypes()).toEqual(types);
    },
  );
});

describe('a scrape', () => {
  const makeMetrics = (
    readOverview: () => Promise<Overview>,
    times = { freshMs: 1_000, readMs: 5_000 },
  ): SiteMetrics =>
    new SiteMetrics(
      { readOverview, openContext: () => Promise.resolve(undefined) },
      undefined,
      times,
    );

  test('reads the database once for all metrics, and for scrapes that come together', async () => {
    let reads = 0;
    const metrics = makeMetrics(() => {
      reads++;
      return Promise.resolve(makeOverview({ entries: 7 }));
    });
    const registry = new Registry();
    metrics.register(registry);
    const [{ text, contentType }, own] = await Promise.all([
      metrics.write(),
      registry.metrics(),
      metrics.write(),
    ]);
    expect(text).toContain('syncmedia_ledger_entries 7\n');
    expect(own).toBe(text);
    expect(contentType).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(reads).toBe(1);
  });

  test('tells the last reading and its age while the database does not answer', async () => {
    let isDown = false;
    const metrics = makeMetrics(
      () =>
        isDown ? Promise.reject(new Error('down')) : Promise.resolve(makeOverview({ entries: 7 })),
      { freshMs: 0, readMs: 5_000 },
    );
    await metrics.write();
    isDown = true;
    const { text } = await metrics.write();
    expect(text).toContain('syncmedia_ledger_entries 7\n');
    expect(text).toMatch(/^syncmedia_snapshot_age_seconds \d+$/m);
  });

  test('fails with the error of the database if it never answered', async () => {
    const metrics = makeMetrics(() => Promise.reject(new Error('down')));
    await expect(metrics.write()).rejects.toThrow('down');
  });

  test("leaves an application's own metrics alone while the database does not answer", async () => {
    const metrics = makeMetrics(() => Promise.reject(new Error('down')));
    const registry = new Registry();
    registry.registerMetric({
      name: 'own',
      help: 'own',
      type: 'gauge',
      reset: () => undefined,
      get: () => ({ name: 'own', help: 'own', type: 'gauge', values: [{ value: 1, labels: {} }] }),
    } as never);
    metrics.register(registry);
    const text = await registry.metrics();
    expect(listSeries(text)).toEqual(['own 1']);
    expect(() => {
      registry.resetMetrics();
    }).not.toThrow();
  });

  test('does not wait for a database that hangs, and starts no second reading', async () => {
    let reads = 0;
    const metrics = makeMetrics(
      () => {
        reads++;
        return new Promise<Overview>(() => undefined);
      },
      { freshMs: 0, readMs: 20 },
    );
    await expect(metrics.write()).rejects.toMatchObject({ code: 'TIMED_OUT' });
    await expect(metrics.write()).rejects.toMatchObject({ code: 'TIMED_OUT' });
    expect(reads).toBe(1);
  });

  test('takes an overview that is marked as old for no new reading', async () => {
    const unavailable = {
      since: new Date(),
      code: 'NO_CONNECTION' as const,
      message: 'gone',
      remedy: '',
    };
    const metrics = makeMetrics(() => Promise.resolve(makeOverview({ unavailable })));
    await expect(metrics.write()).rejects.toMatchObject({ code: 'NO_CONNECTION' });
  });

  test('names the package that is not installed', async () => {
    await expect(loadPromClient('no-such-prom-client')).rejects.toMatchObject({
      code: 'NO_PROM_CLIENT',
      message: expect.stringContaining('no-such-prom-client') as string,
    });
  });

  test('finds the package once it is installed', async () => {
    let isInstalled = false;
    const metrics = new SiteMetrics(
      {
        readOverview: () => Promise.resolve(makeOverview()),
        openContext: () => Promise.resolve(undefined),
      },
      () => loadPromClient(isInstalled ? 'prom-client' : 'no-such-prom-client'),
    );
    await expect(metrics.write()).rejects.toMatchObject({ code: 'NO_PROM_CLIENT' });
    isInstalled = true;
    expect((await metrics.write()).text).toContain('syncmedia_ledger_entries');
  });
});

test('every metric has a name of this package, a sentence as help, and the unit at its end', () => {
  expect(new Set(names).size).toBe(names.length);
  for (const { name, help, type } of metricDefinitions) {
    expect(name).toMatch(/^syncmedia_[a-z_]+$/);
    expect(help).toMatch(/^[A-Z1].*\.$/);
    expect(name.endsWith('_total')).toBe(type === 'counter');
  }
});
