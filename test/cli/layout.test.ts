import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import { formatAge, Layout } from '../../src/cli/layout.js';
import { formatLocation } from '../../src/cli/format-location.js';
import { formatStatus } from '../../src/cli/format-status.js';
import { measureWidth, shortenMiddle } from '../../src/cli/text-width.js';
import type { FileStatus, Status } from '../../src/api/reports.js';
import type { Failure } from '../../src/model/failure.js';
import type { Path } from '../../src/model/path.js';

const now = Date.parse('2026-03-01T12:00:00Z');
const terminal = (columns = 80): Layout => new Layout(true, columns, now);
const wide = (): Layout => new Layout(false, 80, now);

/** Names of all scripts, with emoji that join, combining marks and halves of surrogate pairs. */
const name = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 120 }),
  fc.string({ unit: 'binary', maxLength: 120 }),
  fc.string({
    unit: fc.constantFrom('宽', 'ｶﾞ', '👩‍👩‍👧‍👦', '🇩🇪', '1️⃣', 'é', '☃️', '한', 'a', '\u0301', '\ud83d'),
    maxLength: 120,
  }),
  fc.constant('x'.repeat(400)),
);
const expectFits = (text: string, columns = 80): void => {
  for (const line of text.split('\n')) {
    expect(stringWidth(line)).toBeLessThanOrEqual(columns);
    expect(measureWidth(line)).toBeLessThanOrEqual(columns);
  }
};

describe('measureWidth', () => {
  test('gives every character at least the columns that string-width gives it', () => {
    const tooNarrow: string[] = [];
    // No character above plane 3 is wide.
    for (let code = 0; code < 0x40000; code++) {
      const character = String.fromCodePoint(code);
      if (measureWidth(character) < stringWidth(character)) tooNarrow.push(code.toString(16));
    }
    expect(tooNarrow).toEqual([]);
  });

  test('gives a text at least the columns that string-width gives it', () => {
    fc.assert(
      fc.property(name, (text) => {
        expect(measureWidth(text)).toBeGreaterThanOrEqual(stringWidth(text));
      }),
    );
  });

  test.each([
    ['uploads', 7],
    ['宽', 2],
    ['é', 1],
    ['🎉', 2],
  ])('%s takes %i columns', (text, width) => {
    expect(measureWidth(text)).toBe(width);
  });
});

describe('shortenMiddle', () => {
  test.each([
    ['uploads/photos/a.jpg', 20, 'uploads/photos/a.jpg'],
    ['uploads/photos/a.jpg', 11, 'uploa…a.jpg'],
    ['uploads', 1, '…'],
    ['uploads', 0, ''],
    ['宽宽宽宽', 5, '宽…宽'],
  ])('%s in %i columns is %s', (text, width, shortened) => {
    expect(shortenMiddle(text, width)).toBe(shortened);
  });

  test('keeps characters whole', () => {
    expect(shortenMiddle('👩‍👩‍👧‍👦'.repeat(5), 20)).toBe('👩‍👩‍👧‍👦…👩‍👩‍👧‍👦');
  });
});

describe('formatAge', () => {
  test.each([
    [0, 'now'],
    [12, '12 s ago'],
    [125, '2 min ago'],
    [7_200, '2 h ago'],
    [86_400 * 3, '3 days ago'],
    [-30, 'in 30 s'],
  ])('%i seconds ago is "%s"', (seconds, text) => {
    expect(formatAge(new Date(now - seconds * 1000), now)).toBe(text);
  });
});

describe('Layout', () => {
  const headings = ['PATH', 'SINCE', 'ID'];
  const rows = [['uploads/a.jpg', '2 min ago', 'x'.repeat(60)]];

  test('an empty list says so, without headings', () => {
    for (const layout of [terminal(), wide()])
      expect(layout.formatList('conflicts', headings, [])).toBe('no conflicts\n');
  });

  test('on a terminal times are relative, elsewhere they are ISO 8601', () => {
    const at = new Date(now - 125_000);
    expect(terminal().formatTime(at)).toBe('2 min ago');
    expect(wide().formatTime(at)).toBe('2026-03-01T11:57:55.000Z');
  });

  test('a table that does not fit leaves out optional columns, and says how to see them', () => {
    const layout = terminal();
    const list = layout.formatList('files', headings, rows, ['ID']);
    expect(layout.addHint(list)).toBe(
      'PATH           SINCE\nuploads/a.jpg  2 min ago\n\nShortened to fit; --wide shows everything.\n',
    );
    const full = wide();
    expect(full.addHint(full.formatList('files', headings, rows, ['ID']))).toContain(
      'x'.repeat(60),
    );
  });

  test('the first column, which names the row, is shortened last', () => {
    const id = '3f2a0c1e-0000-4000-8000-000000000001';
    const cells = [id, 'y'.repeat(90)];
    expect(terminal().formatList('runs', ['RUN', 'BY'], [cells])).toContain(id);
  });

  test('no line of a list is longer than the terminal, whatever the names', () => {
    const row = fc.array(name, { minLength: 7, maxLength: 7 });
    fc.assert(
      fc.property(
        fc.array(row, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 40, max: 200 }),
        (cells, columns) => {
          const titles = [
            'HOST',
            'STATUS',
            'PENDING',
            'SINCE',
            'BLOCKED',
            'LAST DELIVERY',
            'LEASE',
          ];
          expectFits(terminal(columns).formatList('hosts', titles, cells), columns);
        },
      ),
      { numRuns: 25 },
    );
  });

  test('no line of the status is longer than 80 columns, whatever the names', () => {
    fc.assert(
      fc.property(name, name, name, (hostname, path, message) => {
        expectFits(formatStatus(makeStatus(hostname, path, message), terminal(0)));
      }),
      { numRuns: 25 },
    );
  });

  test('the status shows a sync dir whose removals wait for a person', () => {
    const status = makeStatus('web1', 'uploads/a', '200 removals wait');
    expect(formatStatus(status, wide())).toMatch(
      /HALTED ON +SYNC DIR +FAILURE *\nweb1 +uploads\/a +REMOVALS_HALTED +200 removals wait\n/,
    );
  });

  test('the status shows a host that is halted as a whole', () => {
    const status = makeStatus('web1', 'HOST_CLONED', 'two machines');
    const failure: Failure = {
      code: 'HOST_CLONED',
      message: 'two machines',
      scope: 'host',
      retryable: false,
    };
    const hosts = status.hosts.map((host) => ({ ...host, halted: { HOST_CLONED: failure } }));
    expect(formatStatus({ ...status, hosts }, wide())).toMatch(
      /^web1 +all +HOST_CLONED +two machines$/m,
    );
  });

  test('the status says whether a blocked path is retried now, later, or by hand', () => {
    const status = makeStatus('web1', 'uploads/a', 'no route');
    const format = (blocked: { retryAt?: Date; retrying?: true }): string => {
      const hosts = status.hosts.map((host) => ({
        ...host,
        blockedPaths: host.blockedPaths.map(({ retryAt: _, ...one }) => ({ ...one, ...blocked })),
      }));
      return formatStatus({ ...status, hosts }, terminal());
    };
    expect(format({})).toMatch(/ by hand$/m);
    expect(format({ retrying: true })).toMatch(/ retrying$/m);
    expect(format({ retryAt: new Date(now + 30_000) })).toMatch(/ in 30 s$/m);
  });

  test('the status says when names that cannot be synced were found', () => {
    const status = makeStatus('web1', 'uploads/a', 'too long');
    expect(formatStatus(status, terminal())).toMatch(/CANNOT BE SYNCED ON .*FOUND\n.*5 min ago/);
  });
});

describe('formatLocation', () => {
  const at = new Date(now - 300_000);

  test.each([[80], [40]])('fits %i columns, whatever the names', (columns) => {
    fc.assert(
      fc.property(name, name, (path, message) => {
        expectFits(formatLocation(makeLocation(path, message), terminal(columns)), columns);
      }),
      { numRuns: 25 },
    );
  });

  test('shows what each host has, and why it lacks the file', () => {
    const text = formatLocation(makeLocation('uploads/a.jpg', 'no route'), terminal(120));
    expect(text).toMatch(/^file +uploads\/a\.jpg\nsize +1\.5 KiB\nsha256 +not computed yet\n/);
    expect(text).toMatch(/^newer save +on web3, not processed yet$/m);
    expect(text).toMatch(/^web1 +has it$/m);
    expect(text).toMatch(/^web2 +blocked +5 min ago +HOST_UNREACHABLE: no route +5 min ago$/m);
    expect(text).toMatch(/^web3 +pending +5 min ago +not delivered yet$/m);
    expect(text).toMatch(/^web4 +not concerned +no route$/m);
  });

  test('shows which hosts have carried out a delete', () => {
    const deleted: FileStatus = { ...makeLocation('a', ''), kind: 'tombstone' };
    const text = formatLocation(deleted, terminal());
    expect(text).toMatch(/^deleted +5 min ago$/m);
    expect(text).toMatch(/^web1 +has deleted it$/m);
  });

  function makeLocation(path: string, message: string): FileStatus {
    const failure: Failure = { code: 'HOST_UNREACHABLE', message, scope: 'path', retryable: true };
    const makeHost = (hostname: string) => ({ id: hostname, hostname });
    return {
      path,
      captured: true,
      kind: 'file',
      size: 1_536,
      capturedAt: at,
      origin: makeHost('web1'),
      pendingCaptures: [makeHost('web3')],
      heldBy: [makeHost('web1')],
      pending: [
        {
          ...makeHost('web2'),
          since: at,
          blocked: true,
          why: message,
          failure,
          failingSince: at,
          retryAt: at,
        },
        { ...makeHost('web3'), since: at, blocked: false, why: 'not delivered yet' },
      ],
      unconcerned: [{ ...makeHost('web4'), why: message }],
    };
  }
});

/** A status with every section, and the same names in each. */
function makeStatus(hostname: string, path: string, message: string): Status {
  const at = new Date(now - 300_000);
  const failure: Failure = { code: 'HOST_UNREACHABLE', message, scope: 'host', retryable: true };
  return {
    initialised: true,
    thisHost: { id: 'h1', hostname },
    hosts: [
      {
        id: 'h1',
        hostname,
        status: 'approved',
        passive: true,
        ready: false,
        thisHost: true,
        pending: 1_234_567,
        pendingSince: at,
        blocked: 1_234_567,
        blockedPaths: [{ path, failure, since: at, retryAt: at }],
        deliveredAt: at,
        failures: [{ origin: 'h1', failure, since: at, nextTryAt: at }],
        lease: { leader: hostname },
        halted: { [path]: { ...failure, code: 'REMOVALS_HALTED' } },
        unsyncable: { [path]: { count: 1, examples: [{ path, why: message }], at } },
        unreadable: [path],
        setup: [{ about: path, message, remedy: message }],
        unnamed: { [path]: { count: 3, lastDocument: path, lastAt: at } },
      },
    ],
    syncDirs: [],
    unsealedRules: [path as Path],
    captures: 0,
    entries: 0,
    missing: 1,
    missingPaths: [path],
    conflicts: [{ path, keptAs: path, at, size: 1 }],
    unreadableRows: { count: 1, newest: [{ collection: 'hosts', id: path, fields: [path], at }] },
  };
}
