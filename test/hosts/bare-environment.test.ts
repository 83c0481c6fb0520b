import { execFile } from 'node:child_process';
import { chmod, chown, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { getErrorMessage } from '../../src/model/errors.js';
import { readState } from '../../src/state-dir/state.js';
import { confinement } from '../gate/confined.js';
import { compileProgram } from '../harness/compile.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { processMark } from '../harness/leftovers.js';
import { startHost, type TestHost } from '../harness/sshd.js';
import { makeTestDir } from '../harness/tmp.js';

vi.setConfig({ testTimeout: 60_000 });

const run = promisify(execFile);
const program = compileProgram(new URL('init-as.ts', import.meta.url));
/** No user of the machine has this id. */
const nobody = 54_321;

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());
afterEach(async () => {
  for (const name of ['syncmedia_hosts', 'syncmedia_meta'])
    await database.connection.collection(name).deleteMany({});
});

/** An environment as bare as that of a container: no HOME, and no temporary directory. */
async function init(
  variables: Record<string, string>,
  startedBy: readonly string[] = [],
): Promise<unknown> {
  const [mark = '', value] = processMark().split('=');
  const [command = '', ...args] = [...startedBy, process.execPath, program];
  const { stdout } = await run(command, args, {
    env: {
      PATH: process.env['PATH'],
      TMPDIR: '/nonexistent',
      [mark]: value,
      SYNCMEDIA_MONGODB_URI: database.uri,
      SYNCMEDIA_SYNC_DIRS: 'uploads',
      ...variables,
    },
    timeout: 50_000,
  });
  return JSON.parse(stdout) as unknown;
}

/** Runs a test with a host that is not registered. */
const withHost = (work: (host: TestHost) => Promise<void>) => async (): Promise<void> => {
  const host = await startHost({ name: 'bare' });
  try {
    await mkdir(join(host.root, 'uploads'));
    await work(host);
  } finally {
    await host.close();
  }
};
const listVariables = (host: TestHost): Record<string, string> => ({
  SYNCMEDIA_STATE_DIR: host.stateDir,
  SYNCMEDIA_AUTHORIZED_KEYS: host.authorizedKeysFile,
  SYNCMEDIA_ROOT: host.root,
  SYNCMEDIA_HOSTNAME: host.name,
  SYNCMEDIA_URL: host.hostname,
  SYNCMEDIA_SSH_PORT: String(host.port),
  ...confinement,
});

test(
  'init works without HOME and without a temporary directory',
  withHost(async (host) => {
    expect(await init(listVariables(host))).toEqual({ hostname: 'bare', failed: [] });
  }),
);

const cannotMount = await run('unshare', ['--mount', 'true']).then(
  () => undefined,
  getErrorMessage,
);
const skipped = cannotMount === undefined ? '' : ` (skipped: ${cannotMount})`;
/** Starts a command that sees a directory read-only, and others in it not so. */
const mountReadOnly = (directory: string, ...writable: string[]): string[] => [
  ...['unshare', '--mount', 'sh', '-ec'],
  'directory=$1; shift; mount --bind "$directory" "$directory"; while [ "$1" != -- ]; do ' +
    'mount --bind "$directory/$1" "$directory/$1"; shift; done; ' +
    'mount -o remount,bind,ro "$directory"; shift; exec "$@"',
  ...['sh', directory, ...writable, '--'],
];

test.skipIf(cannotMount !== undefined)(
  `a read-only root is enough if its sync dirs are mounted for writing${skipped}`,
  withHost(async (host) => {
    expect(await init(listVariables(host), mountReadOnly(host.root, 'uploads'))).toEqual({
      hostname: 'bare',
      failed: [],
    });
  }),
);

test.skipIf(cannotMount !== undefined)(
  `a read-only sync dir is refused, before the host is registered${skipped}`,
  withHost(async (host) => {
    expect(await init(listVariables(host), mountReadOnly(host.root))).toEqual({
      code: 'BAD_SYNC_DIR',
      message: expect.stringContaining('is mounted read-only') as string,
    });
    expect(readState(host.stateDir)).toBeUndefined();
    expect(await database.connection.collection('syncmedia_hosts').countDocuments()).toBe(0);
  }),
);

const isRoot = process.getuid?.() === 0;
test.skipIf(!isRoot)(
  `a user id without a name is refused with a remedy, before the host is registered${isRoot ? '' : ' (skipped: only root can take such an id)'}`,
  async () => {
    const dir = await makeTestDir();
    try {
      await chmod(dir.path, 0o755);
      for (const name of ['state', 'root', 'root/uploads']) {
        await mkdir(join(dir.path, name), { mode: 0o700 });
        await chown(join(dir.path, name), nobody, nobody);
      }
      const stateDir = join(dir.path, 'state');
      expect(
        await init({
          BECOME_USER: String(nobody),
          SYNCMEDIA_STATE_DIR: stateDir,
          SYNCMEDIA_ROOT: join(dir.path, 'root'),
          SYNCMEDIA_HOSTNAME: 'bare',
          SYNCMEDIA_URL: '127.0.0.1',
        }),
      ).toEqual({
        code: 'NO_USER',
        message: expect.stringContaining('add a line for it to /etc/passwd') as string,
      });
      expect(readState(stateDir)).toBeUndefined();
      expect(await readdir(join(dir.path, 'root/uploads'))).toEqual([]);
      expect(await database.connection.collection('syncmedia_hosts').countDocuments()).toBe(0);
    } finally {
      await dir.remove();
    }
  },
);
