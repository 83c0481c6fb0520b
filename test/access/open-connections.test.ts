import { execFile } from 'node:child_process';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Config } from '../../src/config/config.js';
import { getErrorMessage } from '../../src/model/errors.js';
import { EventBus } from '../../src/model/events.js';
import { getGateFolder, openGateDirs } from '../../src/access/gate.js';
import { getHostCollection } from '../../src/hosts/host-model.js';
import { initHost } from '../../src/hosts/init.js';
import { openDeclaredDirs } from '../../src/hosts/own-dirs.js';
import { endConnections } from '../../src/access/open-connections.js';
import type { CheckResult } from '../../src/doctor/check.js';
import { checkConnections } from '../../src/doctor/check-connections.js';
import { KeyInstaller } from '../../src/leader/installed-keys.js';
import { Registry } from '../../src/hosts/registry.js';
import { readState, type HostState } from '../../src/state-dir/state.js';
import { unregisterHost } from '../../src/hosts/unregister.js';
import { Ssh } from '../../src/transport/ssh/ssh.js';
import type { SshConnection } from '../../src/transport/ssh/connection.js';
import type { SshTarget } from '../../src/transport/ssh/ssh-config.js';
import type { Host } from '../../src/model/host.js';
import type { Path } from '../../src/model/path.js';
import { gateIsMissing } from '../gate/confined.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { makePartial } from '../harness/partial.js';
import { startHost, type TestHost } from '../harness/sshd.js';
import { until } from '../harness/wait.js';
import { makeMachine, type Machine } from '../hosts/site.js';

const run = promisify(execFile);

/** What a host has open to another: an SFTP channel that is in use, and a master for rsync. */
interface Open {
  connection: SshConnection;
  release: () => void;
  master: SshTarget;
  ssh: Ssh;
}

const unshare = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child=KILL'];
const cannotUnshare = await run(unshare[0] ?? '', [...unshare.slice(1), 'true']).then(
  () => undefined,
  getErrorMessage,
);
if (cannotUnshare !== undefined)
  console.warn(`SKIPPED, connections of an sshd in another pid namespace: ${cannotUnshare}`);

interface Place {
  readonly place: string;
  readonly startedBy: readonly string[];
  readonly skipped?: string | undefined;
}
const places: readonly Place[] = [
  { place: 'of this pid namespace', startedBy: [], skipped: gateIsMissing },
  {
    place: 'of another pid namespace',
    startedBy: unshare,
    skipped: gateIsMissing ?? cannotUnshare,
  },
];

for (const { place, startedBy, skipped } of places)
  describeConnections(
    `open connections to an sshd ${place}${skipped === undefined ? '' : ` (skipped: ${skipped})`}`,
    startedBy,
    skipped !== undefined,
  );

function describeConnections(name: string, startedBy: readonly string[], skips: boolean): void {
  describe.skipIf(skips)(name, () => {
    let database: TestDatabase;
    let sshds: [TestHost, TestHost];
    let machines: [Machine, Machine];
    let hosts: [Host, Host];
    let state: HostState;
    let kept: KeyInstaller | undefined;
    const open: Open[] = [];
    beforeAll(async () => {
      database = await testDatabase();
      sshds = await Promise.all([
        startHost({ name: 'one', startedBy }),
        startHost({ name: 'two' }),
      ]);
    });
    afterAll(async () => {
      await Promise.all(sshds.map((host) => host.close()));
      await database.close();
    });
    beforeEach(async () => {
      machines = await Promise.all([
        makeMachine(database, sshds[0]),
        makeMachine(database, sshds[1]),
      ]);
      const first = await initHost(machines[0].deps, { syncDirs: ['uploads'] });
      const second = await initHost(machines[1].deps, { syncDirs: ['uploads'] });
      hosts = [first.host, second.host];
      state = readState(sshds[0].stateDir) ?? expect.fail('no state');
      await initHost(machines[0].deps, {});
    });
    afterEach(async () => {
      await kept?.close();
      kept = undefined;
      for (const { ssh, release } of open.splice(0)) {
        release();
        await ssh.close();
      }
      for (const name of ['p_hosts', 'p_meta'])
        await database.connection.collection(name).deleteMany({});
      for (const host of sshds) {
        await rm(join(host.stateDir, 'host.json'), { force: true });
        await rm(getGateFolder(host.stateDir), { recursive: true, force: true });
        await writeFile(host.authorizedKeysFile, '');
      }
    });

    const connectToFirst = async (from: 0 | 1): Promise<Open> => {
      const ssh = new Ssh({
        stateDir: sshds[from].stateDir,
        identityFile: sshds[from].privateKeyFile,
        timeoutMs: 10_000,
        idleMs: 60_000,
      });
      const { connection, release } = await ssh.connections.acquire(hosts[0]);
      const master = await ssh.target(hosts[0]);
      const opened = { connection, release, master, ssh };
      open.push(opened);
      await inMaster(opened, 'true');
      return opened;
    };
    const inMaster = ({ master }: Open, ...args: string[]): Promise<unknown> =>
      run('ssh', ['-F', master.configFile, '-S', master.controlPath, master.alias, ...args], {
        timeout: 10_000,
      });
    const isMasterOpen = ({ master }: Open): Promise<boolean> =>
      run('ssh', ['-F', master.configFile, '-S', master.controlPath, '-O', 'check', master.alias], {
        timeout: 10_000,
      }).then(
        () => true,
        () => false,
      );
    const isSftpOpen = ({ connection }: Open): Promise<boolean> =>
      connection.disk.list(`${hosts[0].rootPath}/uploads`).then(
        () => true,
        () => false,
      );
    const untilEnded = async (opened: Open): Promise<void> => {
      await until(async () => !(await isSftpOpen(opened)) && !(await isMasterOpen(opened)), {
        what: 'the end of a connection',
      });
      await expect(
        opened.ssh.connections.use(hosts[0], () => Promise.resolve('in')),
      ).rejects.toMatchObject({ code: 'AUTH_FAILED' });
    };
    const keep = async (registry: Registry): Promise<KeyInstaller> => {
      await registry.refresh();
      const { stateDir } = sshds[0],
        { log } = machines[0].deps.config;
      const config = makePartial<Config>({ stateDir, log, secret: 'of this site' });
      kept = new KeyInstaller(
        { config, state, registry, events: new EventBus() },
        () => true,
        () => undefined,
      );
      await kept.update();
      return kept;
    };
    const registryOf = (): Registry =>
      new Registry(() => getHostCollection(database.connection, 'p_'), hosts[0].id);

    test('of a host that is retired here end with its key, those of others stay', async () => {
      const [own, other] = [await connectToFirst(0), await connectToFirst(1)];
      expect(
        await Promise.all([own, other].flatMap((one) => [isSftpOpen(one), isMasterOpen(one)])),
      ).toEqual([true, true, true, true]);
      await unregisterHost(machines[0].deps, hosts[1]);
      await untilEnded(other);
      expect([await isSftpOpen(own), await isMasterOpen(own)]).toEqual([true, true]);
      expect(machines[0].said.join('\n')).toContain('the open connections of host');
    });

    test('of a host that is retired elsewhere end when the leader notices', async () => {
      const registry = registryOf();
      await keep(registry);
      const [own, other] = [await connectToFirst(0), await connectToFirst(1)];
      await unregisterHost(machines[1].deps, hosts[1]);
      await registry.refresh();
      await untilEnded(other);
      expect(await isSftpOpen(own)).toBe(true);
    });

    test('all end when this host itself is retired', async () => {
      const registry = registryOf();
      await keep(registry);
      const opened = [await connectToFirst(0), await connectToFirst(1)];
      await unregisterHost(machines[1].deps, hosts[0]);
      await registry.refresh();
      for (const one of opened) await untilEnded(one);
    });

    // In another namespace a watcher ends them.
    if (startedBy.length === 0)
      test('that no rule has in it any more get no further channel, before anybody ended them', async () => {
        const other = await connectToFirst(1);
        await openGateDirs(sshds[0].stateDir, state, []);
        await writeFile(
          join(getGateFolder(sshds[0].stateDir), 'rules.json'),
          JSON.stringify({ root: state.root, dirs: ['uploads'], hosts: [hosts[0].id] }),
        );
        await expect(inMaster(other, 'true')).rejects.toMatchObject({ code: 77 });
      });

    test('end once when the app declares another sync dir, which then can be reached', async () => {
      const keys = await keep(registryOf());
      const { connection, release, ssh } = await connectToFirst(1);
      const all = { ...state, syncDirs: [] };
      await keys.close();
      await expect(connection.disk.list(state.root)).rejects.toMatchObject({
        code: 'PERMISSION_DENIED',
      });
      await run('mkdir', ['-p', join(state.root, 'media')]);
      await expect(connection.disk.list(`${state.root}/media`)).rejects.toMatchObject({
        code: 'PERMISSION_DENIED',
      });
      await openDeclaredDirs(sshds[0].stateDir, all, ['media' as Path]);
      await until(() => !connection.isOpen);
      release();
      open.length = 0;
      await ssh.connections.use(hosts[0], async ({ disk }) => {
        expect(await disk.list(`${state.root}/media`)).toEqual([]);
      });
      await ssh.close();
    });

    test('are examined by doctor', async () => {
      await keep(registryOf());
      await connectToFirst(1);
      const examine = (): Promise<CheckResult> => checkConnections(sshds[0].stateDir, hosts);
      expect(await examine()).toMatchObject({
        state: 'ok',
        message: expect.stringMatching(
          startedBy.length > 0 ? /within seconds/ : /end with its key$/,
        ) as string,
      });
      // The application moves to another container, and nothing watches a connection that is open.
      const folder = join(getGateFolder(sshds[0].stateDir), 'connections');
      for (const file of await readdir(folder)) await writeFile(join(folder, file), '1 pid:[1]');
      expect(await examine()).toMatchObject({
        state: 'failed',
        message: expect.stringContaining(hosts[1].hostname) as string,
        remedy: expect.stringContaining(folder) as string,
      });
      expect(await endConnections(sshds[0].stateDir, () => false)).toEqual([]);
      expect(await readdir(folder)).not.toEqual([]);
    });

    test('leave a bounded record', async () => {
      for (let index = 0; index < 5; index++) {
        const opened = await connectToFirst(1);
        opened.release();
        await opened.ssh.close();
        open.length = 0;
      }
      await until(async () => {
        await connectToFirst(1);
        return (
          (await readdir(join(getGateFolder(sshds[0].stateDir), 'connections'))).filter((name) =>
            name.startsWith(hosts[1].id),
          ).length <=
          2 * open.length
        );
      });
    });
  });
}
