import { describe, expect, test } from 'vitest';
import { formatFindings, hasUnrepairedDamage } from '../../src/cli/findings.js';
import { describeProgress, drawProgress } from '../../src/cli/progress.js';
import { formatDuration } from '../../src/util/format-duration.js';
import type { HostFindings } from '../../src/model/run.js';
import type { Path } from '../../src/model/path.js';
import { makeRun } from '../admin/recording-instance.js';

const half = makeRun({
  kind: 'pull',
  state: 'running',
  files: 50,
  filesFound: 100,
  bytes: 512,
  bytesFound: 1024,
  bytesPerSecond: 2048,
  secondsLeft: 90,
});

test('progress is counts, pace and the time that is left', () => {
  expect(describeProgress(half)).toBe(
    'pull r1: running, 50 of 100 files, 512 B of 1.0 KiB, 2.0 KiB/s, 2 min left',
  );
  expect(drawProgress(half)).toBe(
    'pull [##########----------] 50% 50 of 100 files, 512 B of 1.0 KiB, 2.0 KiB/s, 2 min left',
  );
});

test('the bar is neither negative nor longer than it is', () => {
  expect(drawProgress(makeRun())).toContain('[--------------------] 0%');
  expect(drawProgress(makeRun({ files: 5, filesFound: 2 }))).toContain(
    '[####################] 100%',
  );
});

test.each([
  [0, '0 s'],
  [59, '59 s'],
  [90, '2 min'],
  [3_600, '1 h 0 min'],
  [9_000, '2 h 30 min'],
])('%d seconds are %s', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

describe('findings', () => {
  const findings: HostFindings[] = [
    { host: 'h1', same: 7, missing: 1, extra: 2, different: 3, repaired: 0 },
  ];
  const foundAt = [{ host: 'h1', path: 'uploads/a.jpg' as Path, finding: 'missing' as const }];
  const nameOf = (): string => 'web1';

  test('is a table per host, in the words of the kind of run', () => {
    expect(
      formatFindings(makeRun({ kind: 'verify', findings, pathFindings: foundAt }), nameOf),
    ).toBe(
      '\nHOST  SAME  MISSING  EXTRA  DIFFERENT  REPAIRED\nweb1  7     1        2      3         ' +
        ' 0\n\nHOST  FOUND    PATH\nweb1  missing  uploads/a.jpg\n',
    );
    expect(
      formatFindings(makeRun({ kind: 'adopt', findings, pathFindings: foundAt }), nameOf),
    ).toBe(
      '\nHOST  SAME  ONLY HERE  ONLY THERE  DIFFERENT\nweb1  7     1          2           ' +
        '3\n\nHOST  FOUND      PATH\nweb1  only here  uploads/a.jpg\n',
    );
    expect(formatFindings(makeRun({ kind: 'push' }), nameOf)).toBe('');
  });

  test('is damage where a verify did not repair it; extra files are none', () => {
    const damaged = (over: Partial<HostFindings>): boolean =>
      hasUnrepairedDamage(
        makeRun({
          kind: 'verify',
          findings: [{ host: 'h1', missing: 0, extra: 0, different: 0, repaired: 0, ...over }],
        }),
      );
    expect([
      damaged({}),
      damaged({ extra: 5 }),
      damaged({ missing: 1 }),
      damaged({ different: 2, repaired: 2 }),
    ]).toEqual([false, false, true, false]);
  });
});
