import { describe, expect, test } from 'vitest';
import { hasErrorCode } from '../../src/model/errors.js';
import { listVariables, readEnvironment } from '../../src/config/environment.js';

const read = (variables: Record<string, string | undefined>) =>
  readEnvironment(variables, '/home/ann');

function catchError(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('readEnvironment', () => {
  test('reads every kind of value', () => {
    const { environment, unknown } = read({
      SYNCMEDIA_STATE_DIR: '~/state',
      SYNCMEDIA_ROOT: '/srv/site',
      SYNCMEDIA_SYNC_DIRS: 'uploads/photos/, docs',
      SYNCMEDIA_SSH_PORT: '2222',
      SYNCMEDIA_TIMEOUT: '2.5',
      SYNCMEDIA_BWLIMIT: '1000',
      SYNCMEDIA_CHMOD: 'Fu=rw,Fgo=r',
      SYNCMEDIA_RELOAD_COMMAND: 'pm2 reload "my site"',
      SYNCMEDIA_AUTO_APPROVE: 'yes',
      SYNCMEDIA_URL: '2001:db8::1',
      SYNCMEDIA_KEY: 'ssh-ed25519 AAAA a b',
      PATH_RSA: '~/.ssh/id_rsa.pub',
      SYNCMEDIA_PULL_CRON: ' 0 3 * * * ',
      SYNCMEDIA_HOSTNAME: '',
      HOME: '/elsewhere',
      PATH: undefined,
    });
    expect(environment).toEqual({
      SYNCMEDIA_STATE_DIR: '/home/ann/state',
      SYNCMEDIA_ROOT: '/srv/site',
      SYNCMEDIA_SYNC_DIRS: ['uploads/photos', 'docs'],
      SYNCMEDIA_SSH_PORT: 2222,
      SYNCMEDIA_TIMEOUT: 2.5,
      SYNCMEDIA_BWLIMIT: 1000,
      SYNCMEDIA_CHMOD: 'Fu=rw,Fgo=r',
      SYNCMEDIA_RELOAD_COMMAND: ['pm2', 'reload', 'my site'],
      SYNCMEDIA_AUTO_APPROVE: true,
      SYNCMEDIA_URL: '2001:db8::1',
      SYNCMEDIA_KEY: 'ssh-ed25519 AAAA a b',
      PATH_RSA: '/home/ann/.ssh/id_rsa.pub',
      SYNCMEDIA_PULL_CRON: '0 3 * * *',
    });
    expect(unknown).toEqual([]);
  });

  test('names unknown variables, and no others', () => {
    expect(
      read({ SYNCMEDIA_SERVICE_HOST: '10.0.0.1', SYNCMEDIA_PORT: 'tcp://10.0.0.1:80', OTHER: 'x' })
        .unknown,
    ).toEqual(['SYNCMEDIA_SERVICE_HOST', 'SYNCMEDIA_PORT']);
  });

  test.each([
    ['SYNCMEDIA_STATE_DIR', 'state'],
    ['SYNCMEDIA_ROOT', './site'],
    ['SYNCMEDIA_SYNC_DIRS', '/abs'],
    ['SYNCMEDIA_SYNC_DIRS', 'a,../b'],
    ['SYNCMEDIA_SYNC_DIRS', 'a,,b'],
    ['SYNCMEDIA_HOSTNAME', '-oProxyCommand=x'],
    ['SYNCMEDIA_HOSTNAME', 'a b'],
    ['SYNCMEDIA_URL', 'https://a.example'],
    ['SYNCMEDIA_URL', 'a;b'],
    ['SYNCMEDIA_URL', '$(x)'],
    ['SYNCMEDIA_SSH_PORT', '0'],
    ['SYNCMEDIA_HISTORY_MAX_FILE_BYTES', '2G'],
    ['SYNCMEDIA_ANNEX_LARGER_THAN', '1025M'],
    ['SYNCMEDIA_SSH_PORT', '65536'],
    ['SYNCMEDIA_SSH_PORT', '22x'],
    ['SYNCMEDIA_USERNAME', '-l'],
    ['SYNCMEDIA_USERNAME', 'a\nb'],
    ['SYNCMEDIA_IDENTITY', 'id'],
    ['SYNCMEDIA_AUTHORIZED_KEYS', 'keys'],
    ['SYNCMEDIA_PULL_CRON', '*/90 * * * *'],
    ['SYNCMEDIA_VERIFY_CRON', '5-1 * * * *'],
    ['SYNCMEDIA_TIMEOUT', '0'],
    ['SYNCMEDIA_TIMEOUT', '-1'],
    ['SYNCMEDIA_TIMEOUT', '10s'],
    ['SYNCMEDIA_TIMEOUT', '1e3'],
    ['SYNCMEDIA_BACKEND', 'ftp'],
    ['SYNCMEDIA_BWLIMIT', '1.5'],
    ['SYNCMEDIA_CHMOD', 'F644;rm'],
    ['SYNCMEDIA_CHMOD', 'F999'],
    ['SYNCMEDIA_RELOAD_COMMAND', 'echo "a'],
    ['SYNCMEDIA_AUTO_APPROVE', 'maybe'],
    ['PATH_RSA', '   '],
  ])('%s=%j is refused by name and value', (variable, value) => {
    const error = catchError(() => read({ [variable]: value }));
    expect(hasErrorCode(error, 'BAD_ENVIRONMENT')).toBe(true);
    expect(String(error)).toContain(`${variable} is ${JSON.stringify(value)}`);
  });

  test.each([
    ['SYNCMEDIA_ADMIN_TOKEN', 'x'.repeat(31)],
    ['SYNCMEDIA_SECRET', 'é'.repeat(15)],
    ['SYNCMEDIA_MONGODB_URI', 'postgres://ann:hunter2@db'],
  ])('%s is refused without being repeated', (variable, value) => {
    const error = catchError(() => read({ [variable]: value }));
    expect(hasErrorCode(error, 'BAD_ENVIRONMENT')).toBe(true);
    expect(String(error)).toContain(variable);
    expect(String(error)).not.toContain(value);
  });

  test('accepts the shortest secrets', () => {
    expect(
      read({ SYNCMEDIA_ADMIN_TOKEN: `~/${'x'.repeat(30)}`, SYNCMEDIA_SECRET: 'é'.repeat(16) })
        .environment,
    ).toEqual({
      SYNCMEDIA_ADMIN_TOKEN: `~/${'x'.repeat(30)}`,
      SYNCMEDIA_SECRET: 'é'.repeat(16),
    });
  });

  test('names no variable twice', () => {
    expect(new Set(listVariables()).size).toBe(listVariables().length);
    expect(listVariables()).toContain('SYNCMEDIA_MODEL_SYNC');
  });
});
