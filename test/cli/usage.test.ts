import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exitCodes } from '../../src/cli/exit-codes.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';
import { runCli } from './run-cli.js';

let dir: TestDir;
beforeAll(async () => {
  dir = await makeTestDir();
});
afterAll(async () => {
  await dir.remove();
});

/** Nothing listens there, and nobody can make it: port 1 is the system's. */
const nobody = 'mongodb://user:secret-of-the-uri@127.0.0.1:1/app?serverSelectionTimeoutMS=200';

describe('help', () => {
  test('names every command and every exit code, on stdout', async () => {
    const { code, stdout, stderr } = await runCli(['--help']);
    expect([code, stderr]).toEqual([0, '']);
    for (const command of ['init', 'unregister', 'hosts', 'push', 'pull', 'status', 'runs'])
      expect(stdout).toMatch(new RegExp(`^  ${command}`, 'm'));
    for (const [exitCode, meaning] of Object.entries(exitCodes))
      expect(stdout).toContain(`${exitCode.padEnd(5)}${meaning}`);
  });

  test('init accepts the options of django-syncmedia', async () => {
    const { code, stdout } = await runCli(['init', '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/-u, --username/);
    expect(stdout).toMatch(/-k, --key/);
    expect(stdout).toMatch(/-p, --port/);
    expect(stdout).toMatch(/-i, --interactive/);
  });

  test('no command is wrong usage', async () => {
    const { code, stdout, stderr } = await runCli([]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('Usage: syncmedia');
  });
});

describe('wrong usage exits with 2, names the culprit in one line on stderr and leaves stdout empty', () => {
  test.each([
    [['pusch'], 'pusch'],
    [['push', '--hots', 'web2'], '--hots'],
    [['init', '-p', '0'], '--port'],
    [['init', '-p', '65536'], '--port'],
    [['init', '-p', '22x'], '--port'],
    [['init', '--sync-dirs', 'a,,b'], '--sync-dirs'],
    [['runs', '--limit', '0'], '--limit'],
    [['trash', '--limit', '1001'], '--limit'],
    [['conflicts', '--limit', 'all'], '--limit'],
    [['history', 'bundle', 'x.bundle', '--since', '2026-02-30'], '--since'],
    [['history', 'bundle', 'x.bundle', '--since', '1'], '--since'],
    [['unregister', '--purge', '--yes', '--safe'], '--purge'],
    [['unregister', '--purge', '--yes', '--drain', '5'], '--purge'],
    [['hosts', 'show'], 'host'],
    [['hosts', 'web1'], 'argument'],
    [['hosts', 'add', '--fingerprint', 'SHA256:x'], '--hostname'],
    [['hosts', 'add', '--hostname', 'nas', '--root', '/m'], '--fingerprint'],
    [['hosts', 'edit', 'web1'], 'at least one option'],
    [['hosts', 'edit', 'web1', '--status', 'retired'], '--status'],
    [['hosts', '--csv', '--json'], '--csv'],
    [['status'], 'SYNCMEDIA_MONGODB_URI'],
  ])('syncmedia %j', async (args, culprit) => {
    const { code, stdout, stderr } = await runCli(args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^syncmedia: BAD_(OPTION|ENVIRONMENT): .+\n$/);
    expect(stderr).toContain(culprit);
  });

  test('an env file that is not there', async () => {
    const { code, stdout, stderr } = await runCli(['status', '--env-file', '/nowhere/at/all.env']);
    expect([code, stdout]).toEqual([code === 9 ? 9 : 2, '']);
    // Node 20 takes --env-file for its own wherever it stands, and ends with 9.
    expect(stderr).toMatch(
      code === 9
        ? /^[^ ]*node: \/nowhere\/at\/all\.env: not found\n$/
        : /^syncmedia: BAD_OPTION: --env-file \/nowhere\/at\/all\.env: there is no such file\n$/,
    );
  });

  test('a variable that is no URI, without repeating its secret', async () => {
    const { code, stderr } = await runCli(['status'], {
      env: { SYNCMEDIA_MONGODB_URI: 'postgres://user:secret-of-the-uri@h/app' },
    });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^syncmedia: BAD_ENVIRONMENT: SYNCMEDIA_MONGODB_URI .*mongodb:\/\//);
    expect(stderr).not.toContain('secret-of-the-uri');
  });
});

describe('a database that does not answer', () => {
  test('is one line with its code, without password and stack', async () => {
    // A busy machine may come to the refusal only after the 200 ms.
    const { code, stdout, stderr } = await runCli(['status'], {
      env: { SYNCMEDIA_MONGODB_URI: nobody.replace('=200', '=5000') },
    });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^syncmedia: NO_CONNECTION: .*ECONNREFUSED.*\n$/);
    expect(stderr).not.toMatch(/secret-of-the-uri|^ {4}at /m);
  });

  test('--debug adds the stack', async () => {
    const { stderr } = await runCli(['--debug', 'status'], {
      env: { SYNCMEDIA_MONGODB_URI: nobody },
    });
    expect(stderr).toMatch(/^ {4}at /m);
  });

  test('--debug lets no message command the terminal', async () => {
    const { code, stderr } = await runCli(['--debug', 'hosts', 'edit', 'x', '--key', '\x1b[31mx']);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^ {4}at /m)]);
    expect(stderr.split('\\x1b[31mx').length).toBeGreaterThan(2);
    expect(stderr).not.toContain('\x1b');
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s ends the wait with %i', async (signal, code) => {
    // A server that takes the connection and says nothing.
    const silent = await listenSilently();
    try {
      const result = await runCli(['status'], {
        env: { SYNCMEDIA_MONGODB_URI: `mongodb://127.0.0.1:${String(silent.port)}/app` },
        onStart: (child) => {
          void silent.connected.then(() => child.kill(signal));
        },
      });
      expect([result.code, result.signal, result.stderr]).toEqual([code, null, '']);
    } finally {
      await silent.close();
    }
  });
});

test('--env-file adds missing variables, and changes none that are set', async () => {
  const file = join(dir.path, 'test.env');
  await writeFile(file, `SYNCMEDIA_MONGODB_URI="${nobody}"\n# comment\nSYNCMEDIA_SSH_PORT=2222\n`);
  const fromFile = await runCli(['--env-file', file, 'status']);
  expect([fromFile.code, fromFile.stderr]).toEqual([1, expect.stringContaining('NO_CONNECTION')]);
  const set = await runCli(['status', '--env-file', file], {
    env: { SYNCMEDIA_MONGODB_URI: 'nonsense' },
  });
  expect([set.code, set.stderr]).toEqual([
    2,
    expect.stringContaining('BAD_ENVIRONMENT: SYNCMEDIA_MONGODB_URI'),
  ]);
});

test('a reader that stops reading its output causes no error', async () => {
  const { code, stderr } = await runCli(['--help'], {
    onStart: (child) => {
      child.stdout?.destroy();
    },
  });
  expect([code, stderr]).toEqual([0, '']);
});

async function listenSilently() {
  const { createServer } = await import('node:net');
  const server = createServer();
  const sockets = new Set<{ destroy(): unknown }>();
  const connected = new Promise<void>((resolve) =>
    server.on('connection', (socket) => {
      sockets.add(socket.on('error', () => undefined));
      resolve();
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    connected,
    close: () =>
      new Promise<void>((resolve) => {
        sockets.forEach((socket) => socket.destroy());
        server.close(() => {
          resolve();
        });
      }),
  };
}
