import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../harness/wait.js';
import { RunningEntrypoint, type EntrypointOptions } from './running-entrypoint.js';

let running: RunningEntrypoint;
afterEach(() => running.close());

async function start(options?: EntrypointOptions): Promise<RunningEntrypoint> {
  running = await RunningEntrypoint.start(options);
  return running;
}

/** The first line that an sshd says, or undefined if nothing listens. */
function greet(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket
      .once('data', (text) => {
        socket.destroy();
        resolve(text.toString());
      })
      .once('error', () => {
        resolve(undefined);
      });
  });
}

test('starts sshd, registers the host and starts the application, with the umask it was given', async () => {
  await start();
  await running.untilCalled('application umask');
  expect(await running.calls()).toEqual([
    'init --generate',
    `application umask ${process.umask().toString(8)}`,
  ]);
  await until(async () => (await greet(running.port))?.startsWith('SSH-2.0-'));
  // Others may read the directories that a session of another host makes.
  const [sshd] = await running.listProcesses(join(running.stateDir, 'sshd/config'));
  const status = await readFile(`/proc/${String(sshd?.pid)}/status`, 'utf8').catch(() => '');
  expect(status === '' || /^Umask:\s*0022$/m.test(status)).toBe(true);
});

describe('a signal', () => {
  test.each([
    ['SIGTERM', 'SIGTERM'],
    ['SIGINT', 'SIGTERM'],
    ['SIGQUIT', 'SIGTERM'],
  ] as const)('%s reaches the application as %s, whose exit code it is', async (sent, came) => {
    await start();
    await running.untilCalled('application umask');
    expect(await running.end(sent)).toBe(7);
    expect(await running.calls()).toContain(`application ${came}`);
    expect(await greet(running.port)).toBeUndefined();
  });

  test('SIGHUP reaches the application, which goes on', async () => {
    await start();
    await running.untilCalled('application umask');
    running.child.kill('SIGHUP');
    await running.untilCalled('application SIGHUP');
    expect(await running.end('SIGTERM')).toBe(7);
  });

  test('ends it during init, and no application starts', async () => {
    await start({ init: 'wait' });
    await running.untilCalled('init');
    expect(await running.end('SIGTERM')).toBe(143);
    expect(await running.calls()).toEqual(['init --generate']);
    expect(await greet(running.port)).toBeUndefined();
  });

  test('ends it while it waits for the database', async () => {
    await start({ init: '1 wait' });
    await until(() => running.output.includes('init ended with 1'));
    expect(await running.end('SIGTERM')).not.toBe(0);
    expect((await running.calls()).filter((line) => !line.startsWith('init'))).toEqual([]);
  });
});

test('tries init again while the database is late, and starts the application then', async () => {
  await start({ init: '1 1 0' });
  await running.untilCalled('application umask');
  expect((await running.calls()).filter((line) => line.startsWith('init'))).toHaveLength(3);
});

test('starts the application although a check of init failed', async () => {
  await start({ init: '3' });
  await running.untilCalled('application umask');
  expect(await running.calls()).toHaveLength(2);
});

test('a wrong setting of init ends it at once, with its code', async () => {
  await start({ init: '2' });
  expect(await running.end()).toBe(2);
  expect(await running.calls()).toEqual(['init --generate']);
});

test('an application that ends by itself ends the container with its code, and retires no host', async () => {
  await start({
    command: ['sh', '-c', 'exit 5'],
    environment: { SYNCMEDIA_ON_STOP: 'unregister' },
  });
  expect(await running.end()).toBe(5);
  expect(await running.calls()).toEqual(['init --generate']);
  expect(await greet(running.port)).toBeUndefined();
});

test('SYNCMEDIA_ON_STOP=unregister retires the host once the application has ended', async () => {
  await start({ environment: { SYNCMEDIA_ON_STOP: 'unregister' } });
  await running.untilCalled('application umask');
  expect(await running.end('SIGTERM')).toBe(7);
  expect((await running.calls()).slice(2)).toEqual([
    'application SIGTERM',
    'unregister --drain 45',
  ]);
});

test('the file retire-on-stop retires the host at the next stop, and only then', async () => {
  await start();
  await running.untilCalled('application umask');
  const mark = join(running.stateDir, 'retire-on-stop');
  await writeFile(mark, '');
  expect(await running.end('SIGTERM')).toBe(7);
  expect((await running.calls()).slice(2)).toEqual([
    'application SIGTERM',
    'unregister --drain 45',
  ]);
  expect(existsSync(mark)).toBe(false);
});

test('a host that was retired by a container that was then killed is not retired again', async () => {
  await start({ init: '2' });
  await running.end();
  const mark = join(running.stateDir, 'retire-on-stop');
  await writeFile(mark, '');
  const again = await RunningEntrypoint.start({
    environment: { SYNCMEDIA_STATE_DIR: running.stateDir },
  });
  try {
    await again.untilCalled('application umask');
    expect(await again.end('SIGTERM')).toBe(7);
    expect((await again.calls()).slice(2)).toEqual(['application SIGTERM']);
    expect(existsSync(mark)).toBe(false);
  } finally {
    await again.close();
  }
});

test('a registered host that is marked before a restart is retired at the stop after it', async () => {
  await start({ init: '2' });
  await running.end();
  for (const name of ['host.json', 'retire-on-stop'])
    await writeFile(join(running.stateDir, name), '{}');
  const again = await RunningEntrypoint.start({
    environment: { SYNCMEDIA_STATE_DIR: running.stateDir },
  });
  try {
    await again.untilCalled('application umask');
    expect(await again.end('SIGTERM')).toBe(7);
    expect(await again.calls()).toContain('unregister --drain 45');
  } finally {
    await again.close();
  }
});

test('the examples give a container more time to stop than its files have to reach others', async () => {
  const read = (file: string): Promise<string> =>
    readFile(new URL(`../../${file}`, import.meta.url), 'utf8');
  const find = async (file: string, pattern: RegExp): Promise<number> =>
    Number(pattern.exec(await read(file))?.[1] ?? expect.fail(`${file} has no ${String(pattern)}`));
  const drain = await find('container/entrypoint.sh', /unregister --drain (\d+)/);
  const pod = 'examples/kubernetes/site.yaml';
  const times = [
    await find('examples/compose/web4.yaml', /stop_grace_period: (\d+)s/),
    (await find(pod, /terminationGracePeriodSeconds: (\d+)/)) -
      (await find(pod, /command: \[sleep, '(\d+)'\]/)),
  ];
  // The application ends first, within ten seconds.
  for (const seconds of times) expect(seconds).toBeGreaterThan(drain + 10);
});

test('a host whose files others may lack is not retired', async () => {
  await start({ environment: { SYNCMEDIA_ON_STOP: 'unregister' }, unregister: '1' });
  await running.untilCalled('application umask');
  expect(await running.end('SIGTERM')).toBe(7);
  expect((await running.calls()).slice(2)).toEqual([
    'application SIGTERM',
    'unregister --drain 45',
  ]);
  expect(running.output).toContain('not unregistered');
});

test('a new volume gets the sync dirs, and one of a registered host does not', async () => {
  await start({ environment: { SYNCMEDIA_SYNC_DIRS: ' uploads/photos , uploads/*' }, init: '2' });
  const { root } = running;
  await running.end();
  // As `init` reads the list.
  expect(await readdir(root)).toEqual(['uploads']);
  expect((await readdir(join(root, 'uploads'))).sort()).toEqual(['*', 'photos']);
  await rm(join(root, 'uploads'), { recursive: true });
  await writeFile(join(running.stateDir, 'host.json'), '{}');
  const again = await RunningEntrypoint.start({
    environment: {
      SYNCMEDIA_STATE_DIR: running.stateDir,
      SYNCMEDIA_ROOT: root,
      SYNCMEDIA_SYNC_DIRS: 'uploads/photos',
    },
    init: '2',
  });
  try {
    await again.end();
    expect(await readdir(root)).toEqual([]);
  } finally {
    await again.close();
  }
});

test('an sshd that dies is started again, with the same host key', async () => {
  await start();
  await running.untilCalled('application umask');
  const key = await readFile(join(running.stateDir, 'sshd/host_key'), 'utf8');
  const sshd = (): ReturnType<RunningEntrypoint['listProcesses']> =>
    running.listProcesses(`${join(running.stateDir, 'sshd/config')}`);
  const [first] = await until(async () => {
    const found = await sshd();
    return found.length > 0 && found;
  });
  process.kill(first?.pid ?? 0, 'SIGKILL');
  await until(async () => (await sshd()).some(({ pid }) => pid !== first?.pid));
  await until(async () => (await greet(running.port))?.startsWith('SSH-2.0-'));
  expect(await readFile(join(running.stateDir, 'sshd/host_key'), 'utf8')).toBe(key);
});

test('a state folder with spaces works', async () => {
  await start({ stateName: 'a state folder' });
  await running.untilCalled('application umask');
  await until(async () => (await greet(running.port))?.startsWith('SSH-2.0-'));
});

describe('a mistake ends it at once and is named', () => {
  test.each<[string, EntrypointOptions, RegExp]>([
    ['no command', { command: [] }, /give the command/],
    ['no state folder', { environment: { SYNCMEDIA_STATE_DIR: '' } }, /SYNCMEDIA_STATE_DIR/],
    ['a relative one', { environment: { SYNCMEDIA_STATE_DIR: 'state' } }, /absolute/],
    ['a quote in its name', { stateName: 'a"b' }, /quotes/],
    ['a port that is none', { environment: { SYNCMEDIA_SSH_PORT: 'ssh' } }, /must be a number/],
    ['a port that sshd refuses', { environment: { SYNCMEDIA_SSH_PORT: '99999' } }, /sshd refuses/],
  ])('%s', async (_what, options, message) => {
    await start(options);
    expect(await running.end()).toBe(1);
    expect(running.output).toMatch(message);
    expect(await running.calls()).toEqual([]);
  });

  test('a state folder that cannot be made', async () => {
    await start({ environment: { SYNCMEDIA_STATE_DIR: '/dev/null/state' } });
    expect(await running.end()).toBe(1);
    expect(running.output).toContain('let the user');
  });
});

test('a key that a killed start left half made is replaced', async () => {
  await start({ init: '2' });
  await running.end();
  const { stateDir } = running;
  for (const name of ['host_key', 'new_key', 'new_key.pub'])
    await writeFile(join(stateDir, 'sshd', name), '');
  const again = await RunningEntrypoint.start({ environment: { SYNCMEDIA_STATE_DIR: stateDir } });
  try {
    await again.untilCalled('application umask');
    await until(async () => (await greet(again.port))?.startsWith('SSH-2.0-'));
  } finally {
    await again.close();
  }
});

test('a volume that comes back with every file open to its group is closed again', async () => {
  await start({ init: '2' });
  await running.end();
  const { stateDir } = running;
  await mkdir(join(stateDir, 'ssh/control'), { recursive: true });
  const closed = ['', 'sshd', 'sshd/host_key', 'sshd/authorized_keys', 'id_ed25519', 'ssh/control'];
  for (const name of ['sshd/authorized_keys', 'id_ed25519'])
    await writeFile(join(stateDir, name), 'a key');
  // As Kubernetes does for fsGroup when it mounts a volume again.
  await promisify(execFile)('chmod', ['-R', 'g+rwX', stateDir]);
  const again = await RunningEntrypoint.start({ environment: { SYNCMEDIA_STATE_DIR: stateDir } });
  try {
    await again.untilCalled('application umask');
    await until(async () => (await greet(again.port))?.startsWith('SSH-2.0-'));
    for (const name of closed) {
      const { mode } = await stat(join(stateDir, name));
      expect([name, mode & 0o077]).toEqual([name, 0]);
    }
  } finally {
    await again.close();
  }
});
