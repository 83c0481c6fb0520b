import { expect, test } from 'vitest';
import { describeRunResult } from '../../src/api/describe-run-result.js';
import type { Failure } from '../../src/model/failure.js';
import type { HostFindings, Run } from '../../src/model/run.js';

const failure: Failure = {
  code: 'HOST_UNREACHABLE',
  message: 'no connection',
  retryable: true,
  scope: 'host',
};
const makeRun = (given: Partial<Run>): Run => ({
  id: 'b61f',
  kind: 'pull',
  at: 'h1',
  hosts: [],
  dirs: [],
  dryRun: false,
  repair: false,
  state: 'done',
  files: 0,
  bytes: 0,
  filesFound: 0,
  bytesFound: 0,
  failures: [],
  requestedAt: new Date(0),
  requestedBy: 'ops',
  ...given,
});
const describeRun = (given: Partial<Run>): string =>
  describeRunResult(makeRun(given), (id) => id.replace('h', 'web'));
const found = (host: string, given: Partial<HostFindings>): HostFindings => ({
  host,
  missing: 0,
  extra: 0,
  different: 0,
  repaired: 0,
  ...given,
});

test.each<[text: string, run: Partial<Run>]>([
  ['waits for web1', { state: 'requested' }],
  ['under way', { state: 'running' }],
  ['2 min left', { state: 'running', secondsLeft: 120 }],
  ['after 7 files', { state: 'cancelled', files: 7 }],
  ['1,204 files', { files: 1_204 }],
  ['would transfer 1 file', { dryRun: true, filesFound: 1 }],
  ['would adopt 3 files', { kind: 'adopt', dryRun: true, filesFound: 3 }],
  ['nothing differs', { kind: 'verify', findings: [found('h2', { same: 9 })] }],
  [
    '2 different, 2 repaired on web2',
    { kind: 'verify', findings: [found('h2', { different: 2, repaired: 2 })] },
  ],
  [
    '1 missing on web2; 3 different on web3',
    { kind: 'verify', findings: [found('h2', { missing: 1 }), found('h3', { different: 3 })] },
  ],
  ['5 files', { kind: 'adopt', files: 5, findings: [found('h2', { different: 2 })] }],
  ['web2: no connection', { state: 'failed', failure, failures: [{ host: 'h2', failure }] }],
  [
    'web2 and 2 more: no connection',
    { state: 'failed', failures: ['h2', 'h3', 'h4'].map((host) => ({ host, failure })) },
  ],
  ['no connection', { state: 'failed', failure }],
])('%s', (text, run) => {
  expect(describeRun(run)).toBe(text);
});

test('a message of any length leaves one line of at most 200 characters', () => {
  const text = describeRun({
    state: 'failed',
    failure: { ...failure, message: 'x'.repeat(4_000) },
  });
  expect(text).toHaveLength(200);
  expect(text.endsWith('…')).toBe(true);
});
