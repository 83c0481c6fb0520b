import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expectGone } from '../harness/leftovers.js';
import { startTalkerIn, type Talker } from '../harness/talker.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

const run = promisify(execFile);

/**
 * A podman with images, volumes and a network of its own, which `close` removes. Bridges and rules
 * of its firewall are in a network namespace, so the machine's stay as they are.
 */
export class Podman {
  private readonly namespace = `syncmedia-${randomBytes(4).toString('hex')}`;
  private readonly gone: () => void;

  private constructor(readonly dir: TestDir) {
    this.gone = expectGone('podman', () => this.close());
  }

  static async open(): Promise<Podman> {
    const podman = new Podman(await makeTestDir());
    try {
      await podman.prepare();
    } catch (error) {
      await podman.close();
      throw error;
    }
    return podman;
  }

  /** Runs `podman …`. */
  run(...args: string[]): Promise<string> {
    return this.execute('podman', args, this.dir.path);
  }

  /** Runs `podman-compose …` in a folder. */
  compose(folder: string, ...args: string[]): Promise<string> {
    return this.execute('podman-compose', args, folder);
  }

  /** A process of the machine that reaches the containers. */
  startClient(program: string): Talker {
    return startTalkerIn(`/run/netns/${this.namespace}`, program);
  }

  async close(): Promise<void> {
    await this.run('rm', '--all', '--force', '--time=0').catch(ignore);
    await this.run('volume', 'rm', '--all', '--force').catch(ignore);
    await this.run('network', 'prune', '--force').catch(ignore);
    await this.run('rmi', '--all', '--force').catch(ignore);
    await run('ip', ['netns', 'del', this.namespace]).catch(ignore);
    await run('umount', [join(this.dir.path, 'graph/overlay')]).catch(ignore);
    await this.dir.remove();
    this.gone();
  }

  private async prepare(): Promise<void> {
    const { path } = this.dir;
    for (const name of ['graph', 'run', 'networks', 'tmp']) await mkdir(join(path, name));
    await writeFile(
      join(path, 'containers.conf'),
      [
        '[containers]',
        // The defaults are above the limits of a machine without CAP_SYS_RESOURCE.
        'default_ulimits = ["nofile=20000:20000", "nproc=20000:20000"]',
        // The name server restarts with each new container, and the machine's cannot be reached.
        'dns_options = ["timeout:1", "attempts:10"]',
        '[engine]',
        // crun works with no cgroups of both versions at once.
        'runtime = "runc"',
        `tmp_dir = "${join(path, 'tmp')}"`,
        'events_logger = "file"',
        'cgroup_manager = "cgroupfs"',
        '[network]',
        'network_backend = "netavark"',
        `network_config_dir = "${join(path, 'networks')}"`,
        '',
      ].join('\n'),
    );
    await writeFile(
      join(path, 'storage.conf'),
      [
        '[storage]',
        'driver = "overlay"',
        `graphroot = "${join(path, 'graph')}"`,
        `runroot = "${join(path, 'run')}"`,
        '',
      ].join('\n'),
    );
    await run('ip', ['netns', 'add', this.namespace]);
    await run('ip', ['-n', this.namespace, 'link', 'set', 'lo', 'up']);
  }

  private async execute(program: string, args: string[], cwd: string): Promise<string> {
    const within = [`--net=/run/netns/${this.namespace}`, program, ...args];
    try {
      const { stdout, stderr } = await run('nsenter', within, {
        cwd,
        timeout: 240_000,
        maxBuffer: 64 << 20,
        env: {
          ...process.env,
          CONTAINERS_CONF: join(this.dir.path, 'containers.conf'),
          CONTAINERS_STORAGE_CONF: join(this.dir.path, 'storage.conf'),
        },
      });
      // The standard error of a container is that of its log.
      return args[0] === 'logs' ? `${stdout}${stderr}` : stdout;
    } catch (error) {
      const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
      throw new Error(`${program} ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error });
    }
  }
}

/** What is left of an earlier step may already be gone. */
const ignore = (): undefined => undefined;
