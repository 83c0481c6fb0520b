import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import { describeHost } from '../../src/api/describe-host.js';
import { renderColours } from '../../src/cli/colours.js';
import { formatHostTable } from '../../src/cli/format-host-table.js';
import { formatRunTable } from '../../src/cli/format-run-table.js';
import { Layout } from '../../src/cli/layout.js';
import type { Run } from '../../src/model/run.js';
import { makeHost, makeRun } from '../admin/recording-instance.js';
import { makeHostOverview } from '../metrics/overviews.js';

const now = Date.parse('2026-11-28T14:31:30Z');
const onTerminal = (): Layout => new Layout(true, 80, now);
const elsewhere = (): Layout => new Layout(false, undefined, now);
const show = (text: string): string[] => renderColours(text, false).trimEnd().split('\n');

describe('the table of hosts', () => {
  const hosts = [
    makeHost({ id: 'h1', hostname: 'web1', url: 'web1.example.com', status: 'approved' }),
    makeHost({
      id: 'h2',
      hostname: 'backup',
      url: 'backup.example.com',
      sshPort: 2222,
      status: 'paused',
      passive: true,
    }),
  ].map(describeHost);
  const overview = [
    makeHostOverview({ id: 'h1', version: '0.2.0', leader: 'pid 24602', thisHost: true }),
    makeHostOverview({ id: 'h2', passive: true }),
  ];

  test('shows address, state, version and lease, and fits 80 columns', () => {
    const [head, first, second] = show(formatHostTable(hosts, overview, onTerminal()));
    expect(head?.split(/ {2,}/)).toEqual(['HOST', 'ADDRESS', 'STATE', 'VERSION', 'LEASE']);
    expect(first).toContain('0.2.0');
    expect(first).toContain('pid 24602, this host');
    expect(second).toMatch(/:2222 +paused +passive +–$/);
    for (const line of [head, first, second])
      expect(stringWidth(line ?? '')).toBeLessThanOrEqual(80);
  });

  test('shows root, sync dirs and id where nothing has to fit', () => {
    const [head] = show(formatHostTable(hosts, overview, elsewhere()));
    expect(head?.split(/ {2,}/).slice(-3)).toEqual(['ROOT', 'SYNC DIRS', 'ID']);
  });

  test('shows a host that the overview lacks', () => {
    expect(show(formatHostTable(hosts, [], onTerminal()))[1]).toMatch(/ – +–$/);
  });
});

describe('the table of runs', () => {
  const id = 'b61f2c3d-0000-4000-8000-000000000000';
  const format = (given: Partial<Run>, layout = onTerminal()): string[] =>
    show(
      formatRunTable(
        [makeRun({ id, at: 'h1', requestedAt: new Date(now - 180_000), ...given })],
        [makeHost({ id: 'h1', hostname: 'web1' }), makeHost({ id: 'h2', hostname: 'img1' })],
        layout,
      ),
    );
  const failure = {
    code: 'HOST_UNREACHABLE',
    message: 'x',
    retryable: true,
    scope: 'host',
  } as const;

  test.each<[name: string, run: Partial<Run>, end: RegExp]>([
    [
      'runs',
      { state: 'running', files: 3_120, filesFound: 5_200, secondsLeft: 120 },
      /web1 +running +3,120 of 5,200 +3 min ago .*2 min left$/,
    ],
    ['was cancelled', { state: 'cancelled', files: 7, filesFound: 9 }, /after 7 files$/],
  ])('says what came of a run that %s', (_, run, end) => {
    const [, line = ''] = format(run);
    expect(line).toMatch(end);
    expect(stringWidth(line)).toBeLessThanOrEqual(80);
  });

  test('shows the beginning of an id on a terminal, and all of it elsewhere', () => {
    expect(format({})[1]).toMatch(/^b61f2c3d /);
    expect(format({}, elsewhere())[1]).toContain(id);
  });

  test('fits 80 columns whatever a run holds', () => {
    const long = 'x'.repeat(500);
    const lines = format({
      state: 'failed',
      requestedBy: long,
      failure: { ...failure, message: `${long}\u202e\n` },
    });
    for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(80);
  });
});
