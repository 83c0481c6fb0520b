import { execFile } from 'node:child_process';
import { chmod, chown, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { readState } from '../../src/state-dir/state.js';
import { confinement } from '../gate/confined.js';
import { compileProgram } from '../harness/compile.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { processMark } from '../harness/leftovers.js';
import { startHost } from '../harness/sshd.js';
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
async function init(variables: Record<string, string>): Promise<unknown> {
  const [mark = '', value] = processMark().split('=');
  const { stdout } = await run(process.execPath, [program], {
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

test('init works without HOME and without a temporary directory', async () => {
  const host = await startHost({ name: 'bare' });
  try {
    await mkdir(join(host.root, 'uploads'));
    expect(
      await init({
        SYNCMEDIA_STATE_DIR: host.stateDir,
        SYNCMEDIA_AUTHORIZED_KEYS: host.authorizedKeysFile,
        SYNCMEDIA_ROOT: host.root,
        SYNCMEDIA_HOSTNAME: host.name,
        SYNCMEDIA_URL: host.hostname,
        SYNCMEDIA_SSH_PORT: String(host.port),
        ...confinement,
      }),
    ).toEqual({ hostname: 'bare', failed: [] });
  } finally {
    await host.close();
  }
});

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
