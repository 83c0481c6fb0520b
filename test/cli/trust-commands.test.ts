import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { AuditEntry, DoctorCheck } from '../../src/api/reports.js';
import { fingerprint, publicKey } from '../admin/recording-instance.js';
import { confinement } from '../gate/confined.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { startHost, type TestHost } from '../harness/sshd.js';
import { makeRow } from '../hosts/rows.js';
import { type CliResult, runCli } from './run-cli.js';

// Each command is a process of its own, which takes its time to start on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let database: TestDatabase;
let host: TestHost;
const run = (...args: string[]): Promise<CliResult> =>
  runCli(args, {
    env: {
      SYNCMEDIA_MONGODB_URI: database.uri,
      SYNCMEDIA_STATE_DIR: host.stateDir,
      SYNCMEDIA_AUTHORIZED_KEYS: host.authorizedKeysFile,
      HOME: host.dir,
      SYNCMEDIA_TIMEOUT: '5',
      ...confinement,
    },
  });
const parse = <T>({ stdout }: CliResult): T => JSON.parse(stdout) as T;

beforeAll(async () => {
  [database, host] = await Promise.all([testDatabase(), startHost({ name: 'web1' })]);
  await mkdir(join(host.root, 'uploads'));
  const made = await run(
    'init',
    '--generate',
    '-u',
    host.username,
    '-p',
    String(host.port),
    '--hostname',
    'web1',
    '--url',
    host.hostname,
    '--root',
    host.root,
    '--sync-dirs',
    'uploads',
  );
  expect([made.code, made.stdout], made.stderr).toEqual([0, expect.not.stringContaining('FAILED')]);
  await database.connection.collection<{ _id: string }>('syncmedia_hosts').insertOne(
    makeRow('web2', {
      hostname: 'web2',
      url: '127.0.0.1',
      sshPort: 1,
      publicKey,
      hostKeys: [publicKey],
      status: 'pending',
    }),
  );
});
afterAll(async () => {
  await Promise.all([database.close(), host.close()]);
});

test('approve shows pending hosts with fingerprints, refuses another fingerprint, and does not ask without a terminal', async () => {
  expect(await run('approve')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(fingerprint) as string,
  });
  expect(await run('approve', 'web2')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--fingerprint') as string,
  });
  expect(await run('approve', 'web2', '--fingerprint', `SHA256:${'A'.repeat(43)}`)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('BAD_KEY') as string,
  });
  expect(await run('hosts', 'edit', 'web2', '--status', 'approved')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('syncmedia approve web2') as string,
  });
  expect(await run('approve', 'web2', '--fingerprint', fingerprint)).toMatchObject({
    code: 0,
    stdout: 'Approved host web2 (web2)\n',
  });
  expect((await run('approve')).stdout).toBe('No host waits for approval.\n');
});

test('keys show and keys accept compare the pinned key with the key of the server', async () => {
  expect(await run('keys', 'show', 'web1')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^pinned {2}SHA256:.+\nshown {3}SHA256:/) as string,
  });
  expect(await run('keys', 'accept', 'web1', '--fingerprint', fingerprint)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('HOST_KEY_MISMATCH') as string,
  });
  const [shown = ''] = parse<{ shown: string[] }>(
    await run('keys', 'show', 'web1', '--json'),
  ).shown;
  expect(await run('keys', 'accept', 'web1', '--fingerprint', shown)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(shown) as string,
  });
  expect(await run('keys', 'show', 'web2')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('HOST_UNREACHABLE') as string,
  });
});

test('hosts seal needs a secret', async () => {
  expect(await run('hosts', 'seal')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('SYNCMEDIA_SECRET') as string,
  });
});

test('audit shows every change with its author, and every refusal', async () => {
  const { audit } = parse<{ audit: AuditEntry[] }>(await run('audit', '--json'));
  expect(audit.map(({ what, outcome }) => `${what} ${outcome}`)).toEqual(
    expect.arrayContaining([
      'hosts.init done',
      'hosts.edit BAD_OPTION',
      'hosts.approve done',
      'hosts.acceptKeys done',
    ]),
  );
  expect(audit.every(({ by }) => by.endsWith('on the command line'))).toBe(true);
  expect((await run('audit', '--limit', '1')).stdout.split('\n').length).toBe(3);
});

test('doctor exits with 3 where something failed, each failure with its remedy', async () => {
  const result = await run('doctor', '--json');
  const { checks } = parse<{ checks: DoctorCheck[] }>(result);
  expect(result.code).toBe(3);
  expect(
    checks
      .filter(({ state }) => state === 'failed')
      .map(({ name, remedy }) => [name, (remedy ?? '') !== '']),
  ).toEqual([
    ['lease', true],
    ['host web2', true],
    ['host web2: heartbeat', true],
    ['host web2: absence', true],
  ]);
  expect((await run('doctor')).stdout).toMatch(
    /^host web2 +FAILED +HOST_UNREACHABLE: .* → do nothing if the host comes back/im,
  );
});
