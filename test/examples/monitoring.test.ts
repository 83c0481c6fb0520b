import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { findTestProgram } from '../../scripts/test-programs.mjs';
import { metricDefinitions } from '../../src/metrics/metrics-list.js';
import { makeTestDir } from '../harness/tmp.js';

const folder = fileURLToPath(new URL('../../examples/monitoring/', import.meta.url));
const read = (file: string): string => readFileSync(join(folder, file), 'utf8');
const promtool = await findTestProgram('promtool');

const known = metricDefinitions.flatMap(({ name, type }) =>
  type === 'histogram' ? ['_bucket', '_sum', '_count'].map((part) => `${name}${part}`) : [name],
);
const listNames = (text: string): string[] => [
  ...new Set(text.match(/\bsyncmedia_[a-z_]+/g) ?? []),
];

interface Dashboard {
  readonly templating: { readonly list: readonly { readonly query: unknown }[] };
  readonly panels: readonly {
    readonly id: number;
    readonly title: string;
    readonly targets: readonly { readonly expr: string }[];
  }[];
}
const dashboard = JSON.parse(read('dashboard.json')) as Dashboard;
const expressions = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
const alerts = [...read('alerts.yml').matchAll(/- alert: (\w+)/g)].map(([, name]) => name);

describe('the monitoring example', () => {
  test('uses only metrics that exist', () => {
    const variables = JSON.stringify(dashboard.templating);
    for (const text of [...expressions, variables, read('alerts.yml'), read('alerts.test.yml')]) {
      expect(listNames(text).length).toBeGreaterThan(0);
      expect(listNames(text).filter((name) => !known.includes(name))).toEqual([]);
    }
  });

  test('shows every metric on the dashboard or in an alert', () => {
    const used = listNames(expressions.join(' ') + read('alerts.yml')).map((name) =>
      name.replace(/_(bucket|sum|count)$/, ''),
    );
    // The bytes that wait say little more than the files.
    const others = ['syncmedia_pending_bytes', 'syncmedia_last_delivery_timestamp_seconds'];
    expect(
      metricDefinitions
        .map(({ name }) => name)
        .filter((name) => !used.includes(name) && !others.includes(name)),
    ).toEqual([]);
  });

  test('makes one series of what several scraped processes say', () => {
    for (const expression of expressions) expect(expression).toMatch(/\b(max|min)( by)? ?\(/);
  });

  test('has a test for each alert, and a line on the page', () => {
    expect(alerts.length).toBe(9);
    for (const alert of alerts) {
      expect(read('README.md')).toContain(`| ${alert ?? ''} |`);
      expect(
        [...read('alerts.test.yml').matchAll(/alertname: (\w+)\n\s+exp_alerts:\n/g)].map(
          ([, name]) => name,
        ),
      ).toContain(alert);
    }
  });

  test('gives each panel an id of its own, and a place', () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe.skipIf(promtool === undefined)(
  'promtool (where there is none: node scripts/setup.mjs --for tests)',
  async () => {
    const dir = await makeTestDir();
    afterAll(() => dir.remove());
    const run = (...args: string[]): Promise<{ stdout: string }> =>
      promisify(execFile)(promtool ?? '', args, { cwd: folder });

    test('accepts the rules', async () => {
      expect((await run('check', 'rules', 'alerts.yml')).stdout).toContain('9 rules found');
    });

    test('raises each alert when it should, and only then', async () => {
      expect((await run('test', 'rules', 'alerts.test.yml')).stdout).toContain('SUCCESS');
    });

    test('accepts the scrape configuration', async () => {
      await cp(folder, dir.path, { recursive: true });
      const token = join(dir.path, 'token');
      await writeFile(token, 'x');
      const file = join(dir.path, 'prometheus.yml');
      await writeFile(
        file,
        read('prometheus.yml').replace('/etc/prometheus/syncmedia-token', token),
      );
      expect((await run('check', 'config', file)).stdout).toContain('SUCCESS');
    });

    test("accepts the dashboard's expressions", async () => {
      const rules = expressions.map((expr, index) => ({
        record: `panel:${String(index)}`,
        // Grafana fills these in.
        expr: expr.replaceAll('$__rate_interval', '1m').replaceAll('$host', '.*'),
      }));
      const file = join(dir.path, 'panels.yml');
      await writeFile(file, JSON.stringify({ groups: [{ name: 'panels', rules }] }));
      expect((await run('check', 'rules', file)).stdout).toContain(
        `${String(rules.length)} rules found`,
      );
    });
  },
);
