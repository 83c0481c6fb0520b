import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { getNativeCollection } from '../../src/util/collections.js';
import type { HostsDeps } from '../../src/hosts/deps.js';
import type { HostState } from '../../src/state-dir/state.js';
import { Seals } from '../../src/hosts/seal.js';
import { SyncDirsStore, type SyncDirRow } from '../../src/hosts/sync-dirs-store.js';
import { nodeDisk } from '../../src/replica/node-disk.js';
import type { Host } from '../../src/model/host.js';
import type { Path } from '../../src/model/path.js';
import { gateIsMissing } from '../gate/confined.js';
import type { TestDatabase } from '../harness/database.js';
import type { TestHost } from '../harness/sshd.js';

const run = promisify(execFile);

/** What the operations on hosts are given on one machine; `config` may be changed by a test. */
export interface Machine {
  deps: HostsDeps & {
    config: { -readonly [K in keyof HostsDeps['config']]: HostsDeps['config'][K] };
  };
  said: string[];
  /** The requests to the other parts. */
  forgotten: string[];
  marked: [string, readonly string[]][];
  takenOver: [from: readonly string[], to: string][];
}

/** A machine that has its own sshd, root with `uploads`, state folder and key. */
export async function makeMachine(database: TestDatabase, host: TestHost): Promise<Machine> {
  await mkdir(join(host.root, 'uploads'), { recursive: true });
  const said: string[] = [];
  const forgotten: string[] = [];
  const marked: Machine['marked'] = [];
  const takenOver: Machine['takenOver'] = [];
  const say = (message: string): void => {
    said.push(message);
  };
  const log = { info: say, warn: say, error: say };
  const { connection } = database;
  return {
    said,
    forgotten,
    marked,
    takenOver,
    deps: {
      connection,
      disk: nodeDisk,
      seals: new Seals(),
      config: {
        stateDir: host.stateDir,
        collectionPrefix: 'p_',
        log,
        backend: 'rsync',
        key: host.publicKeyFile,
        identityFile: undefined,
        autoApprove: true,
        reloadCommand: undefined,
        init: {
          root: host.root,
          syncDirs: undefined,
          hostname: host.name,
          url: '127.0.0.1',
          sshPort: host.port,
          username: undefined,
          unconfined: gateIsMissing === undefined ? undefined : true,
          authorizedKeysFile: host.authorizedKeysFile,
          defaultAuthorizedKeysFile: '/nowhere/authorized_keys',
        },
      },
      syncDirs: new SyncDirsStore(
        () => getNativeCollection<SyncDirRow>(connection, 'p_syncdirs'),
        log,
      ),
      tryHost: async (to, state) => [{ name: 'ssh login', ...(await logIn(to, state)) }],
      markRemoteDirs: (to, dirs) => {
        marked.push([to.id, dirs]);
        return Promise.resolve();
      },
      listDeclaredDirs: () => [],
      forgetHost: (id) => {
        forgotten.push(id);
        return Promise.resolve();
      },
      countCaptures: () => Promise.resolve(0),
      dropCaptures: () => Promise.resolve({ count: 0, paths: [] }),
      takeOverCaptures: (from, to) => {
        takenOver.push([from, to]);
        return Promise.resolve();
      },
    },
  };
}

export async function declare({ deps }: Machine, ...paths: string[]): Promise<void> {
  deps.listDeclaredDirs = () => paths as Path[];
  await deps.syncDirs.declare(
    paths.map((path) => ({ path: path as Path, exclude: [], conflict: 'newer', onDelete: 'keep' })),
  );
}

/** Logs in with OpenSSH as `from` does, trusting only pinned keys. */
export async function logIn(
  to: Host,
  from: Pick<HostState, 'identityFile' | 'id'>,
): Promise<{ ok: boolean; message: string }> {
  const knownHosts = `${from.identityFile}.known-hosts-${to.id}`;
  await writeFile(knownHosts, to.hostKeys.map((key) => `pinned ${key}\n`).join(''));
  const options = [
    'BatchMode=yes',
    'IdentitiesOnly=yes',
    'StrictHostKeyChecking=yes',
    'HostKeyAlias=pinned',
    `UserKnownHostsFile=${knownHosts}`,
    'GlobalKnownHostsFile=none',
    'ConnectTimeout=5',
  ].flatMap((option) => ['-o', option]);
  const args = [
    '-F',
    'none',
    ...options,
    '-i',
    from.identityFile,
    '-p',
    String(to.sshPort),
    '-l',
    to.username,
    '--',
    to.url,
    'true',
  ];
  return run('ssh', args, { timeout: 15_000 }).then(
    () => ({ ok: true, message: 'logged in' }),
    (error: unknown) => ({ ok: false, message: String(error) }),
  );
}
