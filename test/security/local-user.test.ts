import { execFile } from 'node:child_process';
import { chmod, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { getWakeSocketPath } from '../../src/leader/wake-socket.js';
import { SshConfig } from '../../src/transport/ssh/ssh-config.js';
import { dir, openSite, type Machine, type Site } from '../flow/site.js';
import { countHostileInputs } from '../harness/hostile-inputs.js';
import { makeTestDir } from '../harness/tmp.js';
import { until } from '../harness/wait.js';

const run = promisify(execFile);
const hostile = countHostileInputs();
const stranger = { uid: 54_321, gid: 54_321 };
const isRoot = process.getuid?.() === 0;
if (!isRoot) console.warn('SKIPPED, another user of the machine: only root can be one');

/**
 * As another user of the machine. @returns what the program printed; undefined where it was refused
 */
function asStranger(program: string, ...args: string[]): Promise<string | undefined> {
  return run(program, args, { ...stranger, timeout: 20_000, cwd: '/' }).then(
    ({ stdout }) => stdout,
    () => undefined,
  );
}

describe.runIf(isRoot)('another user of the machine', () => {
  let site: Site, one: Machine;
  beforeAll(async () => {
    site = await openSite({
      hosts: ['one', 'two'],
      plugin: { onDelete: 'propagate' },
      tuning: { candidateMs: 500 },
    });
    one = site.machines[0] as Machine;
    // What lies around it is open to everyone, as /srv and /home often are: the modes of our own
    // files alone protect them.
    for (const { ssh } of site.machines)
      for (let at = ssh.dir; at !== '/' && at !== tmpdir(); at = dirname(at))
        await chmod(at, 0o755);
  }, 60_000);
  afterAll(() => site.close());

  test('reads the files of a sync dir where the application lets everyone', async () => {
    await one.write(`${dir}/open.jpg`, 'open');
    expect(await asStranger('cat', one.path(`${dir}/open.jpg`))).toBe('open');
  });

  test('reads and changes nothing in the state folder, and the private key is closed to it', async () => {
    const { stateDir, privateKeyFile, authorizedKeysFile } = one.ssh;
    for (const name of [
      '',
      'host.json',
      'ssh_config',
      'gate',
      'gate/rules.json',
      ...(await readdir(stateDir)),
    ]) {
      hostile.tried(`cat ${name}`, await asStranger('cat', join(stateDir, name)));
      hostile.tried(`ls ${name}`, await asStranger('ls', join(stateDir, name)));
      hostile.tried(`rm ${name}`, await asStranger('rm', '-r', join(stateDir, name)));
      hostile.tried(`touch ${name}`, await asStranger('touch', join(stateDir, name, 'x')));
    }
    hostile.tried('cat the private key', await asStranger('cat', privateKeyFile));
    hostile.tried(
      'append to authorized_keys',
      await asStranger('sh', '-c', 'echo x >> "$0"', authorizedKeysFile),
    );
  });

  test('cannot talk to the leader through its socket', async () => {
    const connect =
      "require('net').connect(process.argv[1]).on('connect', () => { console.log('connected'); " +
      "process.exit(0); }).on('error', () => process.exit(1))";
    expect(
      (await run(process.execPath, ['-e', connect, getWakeSocketPath(one.ssh.stateDir)])).stdout,
    ).toBe('connected\n');
    hostile.tried(
      'connect',
      await asStranger(process.execPath, '-e', connect, getWakeSocketPath(one.ssh.stateDir)),
    );
  });

  test('reads no file that was removed, replaced or is under way, and does not change a marker', async () => {
    await one.write(`${dir}/gone.jpg`, 'gone');
    await one.app.Photo.create({ title: 'gone', file: `${dir}/gone.jpg` });
    const two = site.machines[1] as Machine;
    await until(async () => (await two.read(`${dir}/gone.jpg`)) === 'gone', { timeout: 30_000 });
    const areas = two.path(`${dir}/.syncmedia`);
    await one.app.Photo.deleteOne({ title: 'gone' });
    await rm(one.path(`${dir}/gone.jpg`));
    await until(async () => (await two.listArea('trash')).length > 0, { timeout: 30_000 });
    const names = (await readdir(two.path(`${dir}/.syncmedia`), { withFileTypes: true }))
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
    expect(names).toContain('trash');
    for (const name of names) {
      hostile.tried(`ls ${name}`, await asStranger('ls', join(areas, name)));
      hostile.tried(`touch ${name}`, await asStranger('touch', join(areas, name, 'x')));
    }
    hostile.tried(
      'change the marker',
      await asStranger('sh', '-c', 'echo x > "$0"', join(areas, 'id')),
    );
    hostile.tried('remove the marker', await asStranger('rm', join(areas, 'id')));
  });

  test('is refused where it was first to make the folder of the sockets, as a directory or as a symlink', async () => {
    const place = await makeTestDir();
    const stateDir = join(place.path, 'a'.repeat(60)),
      address = await one.app.sync.hosts.show('two');
    try {
      const settings = {
        stateDir,
        identityFile: one.ssh.privateKeyFile,
        timeoutMs: 1_000,
        idleMs: 1_000,
      };
      const write = (): Promise<{ controlPath: string }> => new SshConfig(settings).write(address);
      const folder = dirname((await write()).controlPath);
      await rm(folder, { recursive: true });
      await asStranger('mkdir', '-m', '0777', folder);
      hostile.tried(
        'a directory of its own',
        await write().then(
          () => true,
          (error: unknown) => (error as { code?: string }).code !== 'BAD_STATE',
        ),
      );
      await rm(folder, { recursive: true });
      await symlink(one.ssh.dir, folder);
      hostile.tried(
        'a symlink',
        await write().then(
          () => true,
          (error: unknown) => (error as { code?: string }).code !== 'BAD_STATE',
        ),
      );
      await rm(folder);
    } finally {
      await place.remove();
    }
  });
});
