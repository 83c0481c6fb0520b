import { describe, expect, test } from 'vitest';
import {
  explainMissingFile,
  findHostFailure,
  summariseStderr,
} from '../../../src/transport/rsync/answers.js';

const host = { id: 'b', url: 'web2', sshPort: 22, username: 'deploy', hostKeys: [] };

describe('findHostFailure', () => {
  test.each([0, 11, 23, 24])('exit %i is a matter of paths', (code) => {
    expect(findHostFailure({ code, stderr: 'rsync: something (5)' }, host)).toBeUndefined();
  });

  test('a full disk is, too, however it ends', () => {
    expect(
      findHostFailure(
        {
          code: 12,
          stderr: 'rsync: [receiver] write failed on "/a": No space left on device (28)\n',
        },
        host,
      ),
    ).toBeUndefined();
  });

  test.each([
    [
      12,
      'rsync: connection unexpectedly closed (0 bytes received so far) [sender]',
      'HOST_UNREACHABLE',
    ],
    [255, 'ssh: connect to host web2 port 22: Connection refused', 'HOST_UNREACHABLE'],
    [255, 'deploy@web2: Permission denied (publickey).', 'AUTH_FAILED'],
    [
      255,
      '@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.',
      'HOST_KEY_MISMATCH',
    ],
    [
      255,
      'Unable to negotiate with 127.0.0.1 port 22: no matching host key type found.',
      'HOST_KEY_MISMATCH',
    ],
    [127, 'sh: 1: rsync: not found', 'MISSING_PROGRAM'],
    [14, 'rsync: Failed to exec ssh: No such file or directory (2)', 'MISSING_PROGRAM'],
    [30, 'rsync error: timeout in data send/receive (code 30)', 'TIMED_OUT'],
    [1, 'rsync: --fsync: unknown option', 'TRANSFER_FAILED'],
    [null, '', 'TRANSFER_FAILED'],
  ])('exit %s, %j: %s', (code, stderr, expected) => {
    expect(findHostFailure({ code, stderr }, host)).toMatchObject({
      code: expected,
      scope: 'host',
      retryable: true,
    });
  });

  test.each([
    ['silence', 'TIMED_OUT'],
    ['abort', 'CANCELLED'],
    ['no rsync', 'MISSING_PROGRAM'],
  ] as const)('ended because of %s: %s', (because, code) => {
    expect(findHostFailure({ code: null, stderr: '', endedBy: because }, host)).toMatchObject({
      code,
      scope: 'host',
    });
  });
});

describe('explainMissingFile', () => {
  const stderr = [
    'rsync: [receiver] mkstemp "/root b/uploads/.syncmedia/tmp/.a\\#012b.jpg.AbCdEf" failed: ' +
      'Permission denied (13)',
    'rsync: [receiver] write failed on "/root b/uploads/sub/full.jpg": No space left on device (28)',
    'rsync error: some files could not be transferred (code 23)',
  ].join('\n');

  test('finds the line about a path, by its own name or that of its temporary file', () => {
    expect(explainMissingFile({ code: 23, stderr }, 'a\nb.jpg')).toMatchObject({
      named: true,
      failure: { code: 'PERMISSION_DENIED', scope: 'path' },
    });
    expect(explainMissingFile({ code: 11, stderr }, 'sub/full.jpg')).toMatchObject({
      named: true,
      failure: { code: 'DISK_FULL' },
    });
    expect(explainMissingFile({ code: 11, stderr }, 'ull.jpg')).toMatchObject({ named: false });
  });

  test('without one, the first line has to do', () => {
    expect(
      explainMissingFile({ code: 23, stderr: 'rsync: [sender] oops (5)' }, 'x.jpg'),
    ).toMatchObject({
      named: false,
      failure: { code: 'TRANSFER_FAILED', retryable: true },
    });
    expect(explainMissingFile({ code: 0, stderr: '' }, 'x.jpg').failure.message).toContain(
      'gave no reason',
    );
  });
});

test('a summary of stderr is short, and leaves out lines that only repeat the exit code', () => {
  expect(summariseStderr('rsync: a\nrsync error: code 23\nrsync: b\n')).toBe('rsync: a; rsync: b');
  expect(summariseStderr('x'.repeat(10_000)).length).toBe(500);
});
