import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { HostOverview, Overview } from '../../src/api/overview.js';
import { hostStates, type HostStateName } from '../../src/model/host-state.js';
import { removeMarks, renderColours } from '../../src/cli/colours.js';
import { formatOverview } from '../../src/cli/format-overview.js';
import { Layout } from '../../src/cli/layout.js';
import { Screen } from '../../src/cli/screen.js';
import { measureWidth } from '../../src/cli/text-width.js';
import { chooseStyle } from '../../src/cli/terminal.js';
import { listChanges } from '../../src/cli/watch-overview.js';

const at = new Date('2026-01-02T14:31:10Z');

function makeHost(hostname: string, given: Partial<HostOverview> = {}): HostOverview {
  return {
    id: hostname,
    hostname,
    address: `app@${hostname}:22`,
    thisHost: false,
    passive: false,
    approval: 'approved',
    state: 'up to date',
    note: '',
    pending: { count: 0, capped: false, bytes: 0 },
    blocked: 0,
    blockedBy: [],
    unsyncable: 0,
    deliveries: [],
    failures: [],
    ...given,
  };
}

function makeOverview(given: Partial<Overview> = {}): Overview {
  return {
    at,
    id: 'one',
    headline: 'Everything is everywhere',
    thisHost: { id: 'web1', hostname: 'web1' },
    entries: 4,
    missing: { count: 0, capped: false },
    captures: { count: { count: 0, capped: false } },
    hosts: [makeHost('web1', { note: 'this host' }), makeHost('web2', { deliveredSecondsAgo: 4 })],
    needs: [],
    runs: [],
    recent: [],
    ...given,
  };
}

const lacking = makeOverview({
  id: 'two',
  headline: '1 of 2 hosts lacks files',
  hosts: [
    makeHost('web3', {
      state: 'down',
      note: 'timed out',
      pending: { count: 1_204, capped: false, bytes: 2_300_000_000 },
      oldestSeconds: 724,
      deliveredSecondsAgo: 731,
    }),
    makeHost('web1', { note: 'this host' }),
  ],
  needs: [
    {
      id: 'host down web3',
      kind: 'host',
      host: 'web3',
      title: 'web3 does not answer',
      cause: 'web1 cannot reach web3: connecting timed out.',
      safe: 'Nothing is lost: what waits for web3 is delivered by itself once it can be reached.',
      remedy: 'Check its address, sshd and firewall.',
      sinceSeconds: 724,
      command: 'syncmedia doctor',
    },
  ],
  runs: [
    {
      id: 'b61f',
      kind: 'pull',
      at: 'web6',
      state: 'running',
      dryRun: false,
      files: 3_120,
      filesFound: 5_200,
      bytes: 1,
      bytesFound: 2,
      requestedSecondsAgo: 180,
      requestedBy: 'ops',
      secondsLeft: 120,
      result: '2 min left',
    },
  ],
});
/** The text without the marks of its colours. */
const format = (overview: Overview, layout = terminal()): string =>
  renderColours(formatOverview(overview, layout), false);
const terminal = (): Layout => new Layout(true, 80, at.getTime());

describe('the overview on a terminal', () => {
  test('is one sentence and a table of the hosts where everything is everywhere', () => {
    expect(format(makeOverview())).toBe(
      [
        'Everything is everywhere                                      web1, 14:31:10 UTC',
        '',
        'HOST  STATE         WAITING  SIZE  OLDEST  DELIVERED  NOTE',
        'web1  ✓ up to date        –     –       –  –          this host',
        'web2  ✓ up to date        –     –       –  4 s ago',
        '',
      ].join('\n'),
    );
  });

  test('names what waits, the unfinished runs, and what needs a person', () => {
    expect(format(lacking)).toBe(
      [
        '1 of 2 hosts lacks files                                      web1, 14:31:10 UTC',
        '',
        'HOST  STATE              WAITING     SIZE  OLDEST  DELIVERED   NOTE',
        'web3  × does not answer    1,204  2.1 GiB  12 min  12 min ago  timed out',
        'web1  ✓ up to date             –        –       –  –           this host',
        '',
        'RUN   ON    STATE    FILES           BY   RESULT',
        'pull  web6  running  3,120 of 5,200  ops  2 min left',
        '',
        'Needs you',
        '  web3 does not answer, for 12 min',
        '    web1 cannot reach web3: connecting timed out. Nothing is lost: what waits',
        '    for web3 is delivered by itself once it can be reached. Check its address,',
        '    sshd and firewall.',
        '    syncmedia doctor',
        '',
      ].join('\n'),
    );
  });

  test.each(['web1', 'a'.repeat(253), '写真'.repeat(60), 'x\u202e\x1b[2J\n'])(
    'takes no more than 80 columns, whatever the names: %j',
    (name) => {
      const need = lacking.needs[0]!;
      const overview = makeOverview({
        ...lacking,
        headline: `${name} is alone: its files exist once`,
        thisHost: { id: name, hostname: name },
        hosts: hostStates.map((state) =>
          makeHost(name, { state, note: `from ${name}: no connection`, deliveredSecondsAgo: 9 }),
        ),
        needs: [
          { ...need, title: `${name} does not answer`, cause: `${name}: it failed`, command: name },
        ],
      });
      const lines = format(overview).split('\n');
      const long = lines.filter((line) => measureWidth(line) > 80);
      expect(long).toEqual([]);
    },
  );

  test('says since when it is out of date', () => {
    const unavailable = {
      since: at,
      code: 'NO_CONNECTION' as const,
      message: 'the database does not answer',
      remedy: 'x',
    };
    expect(format(makeOverview({ unavailable }))).toContain(
      '\nOut of date: the database does not answer\n',
    );
  });

  test('names ten needs and counts the others', () => {
    const needs = Array.from({ length: 12 }, (_, i) => ({ ...lacking.needs[0]!, id: String(i) }));
    expect(format(makeOverview({ needs }))).toContain('\n  2 more; --json');
  });

  test('elsewhere has whole names and times', () => {
    const text = format(lacking, new Layout(false, undefined, at.getTime()));
    expect(text).toContain('1 of 2 hosts lacks files  web1, 14:31:10 UTC\n');
    expect(text).toContain('2026-01-02T14:18:59.000Z');
  });
});

describe('marks and colours', () => {
  const read = (variables: Record<string, string>): string => {
    const out = new PassThrough();
    const screen = new Screen(out, new PassThrough(), chooseStyle(true, variables));
    screen.print(formatOverview(lacking, terminal()));
    return String(out.read());
  };

  test('are ASCII on a terminal without UTF-8', () => {
    const text = read({ LANG: 'C', NO_COLOR: '1' });
    expect(text).toMatch(/^web3 {2}x does not answer .*\nweb1 {2}\+ up to date +- +- /m);
    expect(text).not.toMatch(/[^\n -~]/);
  });

  test('tell the state of a host', () => {
    const text = read({ LANG: 'C.UTF-8' });
    expect(text).toContain('web3  \x1b[31m× does not answer\x1b[0m');
    expect(text).toContain('web1  \x1b[32m✓ up to date\x1b[0m');
  });

  test.each(hostStates)('the state %s has a shape besides its colour', (state: HostStateName) => {
    const overview = makeOverview({ hosts: [makeHost('web1', { state })] });
    const line = removeMarks(formatOverview(overview, terminal()).split('\n')[3] ?? '');
    expect(line.replaceAll('\ufffd', '')).toMatch(/^web1 {2}[○×!↓‖…✓] [a-z]/);
  });
});

describe('changes', () => {
  test('begin with the sentence, and are none while nothing happens', () => {
    expect(listChanges(undefined, lacking)).toEqual(['14:31:10 1 of 2 hosts lacks files']);
    expect(listChanges(lacking, { ...lacking, at: new Date(at.getTime() + 9_000) })).toEqual([]);
  });

  test('name the host, what happened to it, and what needs a person since', () => {
    expect(listChanges(makeOverview(), lacking)).toEqual([
      '14:31:10 web3  does not answer (timed out)',
      '14:31:10 web3  1,204 files are on the way',
      '14:31:10 web2  is gone',
      '14:31:10 needs you: web3 does not answer (syncmedia doctor)',
      '14:31:10 1 of 2 hosts lacks files',
    ]);
  });
});

test('a screen that draws anew shows what fits, and gives the cursor back', () => {
  const out = Object.assign(new PassThrough(), { isTTY: true, columns: 80, rows: 4 });
  const screen = new Screen(out, new PassThrough());
  screen.redraw('1\n2\n3\n4\n5\n');
  screen.redraw('6\n');
  screen.endRedraw();
  screen.endRedraw();
  expect(String(out.read())).toBe(
    '\x1b[?25l\x1b[H\x1b[J1\x1b[K\n2\x1b[K\n…\x1b[K\n\x1b[J' +
      '\x1b[H6\x1b[K\n\x1b[J' +
      '\x1b[?25h',
  );
});
