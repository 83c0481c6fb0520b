import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { EventBus } from '../../src/model/events.js';
import { getGateFolder, readGateDirs } from '../../src/access/gate.js';
import { gateProgram } from '../../src/access/gate-program.js';
import { getHostCollection } from '../../src/hosts/host-model.js';
import { listHosts } from '../../src/hosts/host-rows.js';
import { initHost } from '../../src/hosts/init.js';
import { installKeys } from '../../src/access/install-keys.js';
import type { Config } from '../../src/config/config.js';
import { KeyInstaller } from '../../src/leader/installed-keys.js';
import { Registry } from '../../src/hosts/registry.js';
import { readState } from '../../src/state-dir/state.js';
import type { SetupProblem } from '../../src/model/host.js';
import type { Path } from '../../src/model/path.js';
import { gateIsMissing } from '../gate/confined.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { makePartial } from '../harness/partial.js';
import { startHost, type TestHost } from '../harness/sshd.js';
import { declare, makeMachine, type Machine } from './site.js';

const run = promisify(execFile);
let database: TestDatabase;
let sshd: TestHost;
let one: Machine;
beforeAll(async () => {
  [database, sshd] = await Promise.all([testDatabase(), startHost({ name: 'one' })]);
});
afterAll(async () => {
  await sshd.close();
  await database.close();
});
beforeEach(async () => {
  one = await makeMachine(database, sshd);
});
afterEach(async () => {
  for (const name of ['p_hosts', 'p_meta', 'p_syncdirs'])
    await database.connection.collection(name).deleteMany({});
  await rm(join(sshd.stateDir, 'host.json'), { force: true });
  await rm(getGateFolder(sshd.stateDir), { recursive: true, force: true });
  await rm(join(sshd.root, 'uploads'), { recursive: true, force: true });
  await writeFile(sshd.authorizedKeysFile, '');
});

const keys = (): Promise<string> => readFile(sshd.authorizedKeysFile, 'utf8');
const open = (): Promise<readonly string[]> => readGateDirs(sshd.stateDir);
const checksOf = (
  { checks }: { checks: { name: string; ok: boolean; message: string }[] },
  name: string,
): unknown => checks.filter((check) => check.name === name);

describe.skipIf(gateIsMissing !== undefined)('init confines keys', () => {
  test('of every host, its own too, and says so', async () => {
    const report = await initHost(one.deps, { syncDirs: ['uploads'] });
    expect(checksOf(report, 'confinement')).toEqual([
      {
        name: 'confinement',
        ok: true,
        message: expect.stringContaining('nothing else (Landlock') as string,
      },
    ]);
    expect(await keys()).toContain(
      `\nrestrict,command="exec /usr/bin/python3 -IS -X utf8 ` +
        `'${sshd.stateDir}/gate/syncmedia-gate.py' ${report.host.id}" ssh-ed25519 `,
    );
    expect(checksOf(report, 'ssh login')).toMatchObject([{ ok: true }]);
    expect(await open()).toEqual(['uploads']);
  });

  test("to the directories that this host's operator or its own app declares, never to those of a row", async () => {
    await mkdir(join(sshd.root, 'app'), { recursive: true });
    await declare(one, 'app', 'uploads');
    const tried: string[][] = [];
    one.deps.tryHost = (_host, _state, dirs) => {
      tried.push([...dirs]);
      return Promise.resolve([]);
    };
    one.deps.listDeclaredDirs = () => ['uploads' as Path];
    const report = await initHost(one.deps, {});
    expect(await open()).toEqual(['uploads']);
    expect(checksOf(report, 'rows of sync dirs')).toEqual([
      expect.objectContaining({ ok: true, message: expect.stringContaining('"app"') as string }),
    ]);
    await getHostCollection(database.connection, 'p_').updateOne(
      { _id: report.host.id },
      { $set: { syncDirs: ['app'] as Path[], rootPath: '/' } },
    );
    await initHost(one.deps, {});
    expect(readState(sshd.stateDir)).toMatchObject({ syncDirs: [], root: sshd.root });
    expect(await open()).toEqual(['uploads']);
    expect(tried).toEqual([['uploads'], ['uploads']]);
    await rm(join(sshd.root, 'app'), { recursive: true });
  });

  test('so that a row with a forged id lets no host in', async () => {
    const { host } = await initHost(one.deps, { syncDirs: ['uploads'] });
    const forged = (await listHosts(one.deps)).map((row) => ({
      ...row,
      id: `x' ; touch /tmp/canary '`,
      hostname: 'forged',
    }));
    const state = readState(sshd.stateDir) ?? expect.fail('no state');
    await installKeys({ stateDir: sshd.stateDir, state, log: one.deps.config.log }, [
      host,
      ...forged,
    ]);
    expect((await keys()).split('\n').filter((line) => line.startsWith('restrict'))).toHaveLength(
      1,
    );
    expect(one.said.join('\n')).toContain('forged cannot log in here');
  });
});

describe('init --unconfined', () => {
  const shell = (): Promise<string> =>
    run(
      'ssh',
      [
        '-F',
        'none',
        '-o',
        'StrictHostKeyChecking=no',
        '-o',
        'UserKnownHostsFile=/dev/null',
        '-o',
        'IdentitiesOnly=yes',
        '-i',
        sshd.privateKeyFile,
        '-p',
        String(sshd.port),
        '-l',
        sshd.username,
        sshd.hostname,
        'echo shell',
      ],
      { timeout: 15_000 },
    ).then(
      ({ stdout }) => stdout,
      () => 'refused',
    );

  test('gives a shell, stays so until --confined, and is warned of at every start', async () => {
    const report = await initHost(one.deps, { syncDirs: ['uploads'], unconfined: true });
    expect(checksOf(report, 'confinement')).toMatchObject([
      { message: expect.stringContaining('login shell') as string },
    ]);
    expect(await keys()).toContain('\nrestrict ssh-ed25519 ');
    expect(await shell()).toBe('shell\n');
    await initHost(one.deps, {});
    const state = readState(sshd.stateDir) ?? expect.fail('no state');
    expect(state.unconfined).toBe(true);
    const registry = new Registry(() => getHostCollection(database.connection, 'p_'), state.id);
    const { stateDir } = sshd,
      { log } = one.deps.config;
    const config = makePartial<Config>({ stateDir, log, secret: 'of this site' });
    const problems: SetupProblem[] = [];
    const kept = new KeyInstaller(
      { config, state, registry, events: new EventBus() },
      () => true,
      (problem) => problems.push(problem),
    );
    await kept.reportRisks();
    await kept.close();
    expect(problems).toMatchObject([
      {
        about: 'confinement',
        message: expect.stringContaining('not confined') as string,
        remedy: expect.stringContaining('init --confined') as string,
      },
    ]);
  });

  test.skipIf(gateIsMissing !== undefined)('and back', async () => {
    await initHost(one.deps, { syncDirs: ['uploads'], unconfined: true });
    await initHost(one.deps, { unconfined: false });
    expect(readState(sshd.stateDir)).not.toHaveProperty('unconfined');
    expect(await keys()).toContain('command="');
    expect(await shell()).toBe('refused');
  });
});

test.skipIf(gateIsMissing !== undefined || process.getuid?.() !== 0)(
  'missing requirements are reported (hiding them needs root)',
  async () => {
    const file = join(sshd.dir, 'gate.py');
    await writeFile(file, gateProgram);
    const hidden =
      'for place in /usr/lib/openssh /usr/libexec/openssh /usr/lib/ssh /usr/libexec/ssh; do [ ! ' +
      '-d $place ] || mount -t tmpfs tmpfs $place; done; exec /usr/bin/python3 -IS "$0" --check';
    await expect(
      run('unshare', ['--mount', '--', 'sh', '-c', hidden, file], { timeout: 15_000 }),
    ).rejects.toMatchObject({
      code: 77,
      stderr: expect.stringContaining('sftp-server is missing here') as string,
    });
  },
);
