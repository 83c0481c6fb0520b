import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endProcesses } from '../../../scripts/processes.mjs';
import { checkGate } from '../../../src/access/gate.js';
import type { Guard } from './guard.js';
import { awaitSshd, isListening, makeSshFiles, type SshFiles, spawnSshd } from './sshd.js';
import { waitFor } from './wait.js';

const APP = fileURLToPath(new URL('../app.ts', import.meta.url));
const CLI = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));

/** What all hosts of one demo share. */
export interface Site {
  dir: string;
  databaseUri: string;
  adminToken: string;
  backend: 'rsync' | 'git' | 'git-annex';
  guard: Guard;
  signal: AbortSignal;
}

/**
 * One machine of the site, played on loopback: its own app, port, root, state folder, keys and
 * sshd.
 */
export class DemoHost {
  private app: ChildProcess | undefined;
  private sshd: ChildProcess | undefined;

  private constructor(
    private readonly site: Site,
    readonly name: string,
    readonly dir: string,
    readonly port: number,
    readonly sshPort: number,
    private readonly ssh: SshFiles,
    /** For `syncmedia --env-file`: this host, as the command line is told. */
    readonly envFile: string,
    private readonly env: NodeJS.ProcessEnv,
  ) {}

  static async make(site: Site, name: string): Promise<DemoHost> {
    const dir = join(site.dir, name);
    const [port, sshPort] = [await findFreePort(), await findFreePort()];
    await mkdir(dir, { mode: 0o700 });
    await mkdir(join(dir, 'root/uploads/photos'), { recursive: true });
    const ssh = await makeSshFiles(join(dir, 'ssh'), name, sshPort, site.guard.mark);
    const own = {
      PORT: String(port),
      SYNCMEDIA_MONGODB_URI: site.databaseUri,
      SYNCMEDIA_STATE_DIR: join(dir, 'state'),
      SYNCMEDIA_ROOT: join(dir, 'root'),
      SYNCMEDIA_SYNC_DIRS: 'uploads/photos',
      SYNCMEDIA_HOSTNAME: name,
      SYNCMEDIA_URL: '127.0.0.1',
      SYNCMEDIA_SSH_PORT: String(sshPort),
      SYNCMEDIA_KEY: ssh.key,
      SYNCMEDIA_AUTHORIZED_KEYS: ssh.authorizedKeys,
      SYNCMEDIA_ADMIN_TOKEN: site.adminToken,
      SYNCMEDIA_BACKEND: site.backend,
      // Where this machine cannot confine keys, only this demo has them.
      ...(await checkGate(dir).then(
        () => ({}),
        () => ({ SYNCMEDIA_UNCONFINED: 'true' }),
      )),
    };
    const envFile = join(dir, 'host.env');
    await writeFile(
      envFile,
      Object.entries(own)
        .map(([key, value]) => `${key}=${value}\n`)
        .join(''),
      { mode: 0o600 },
    );
    const [markName = '', markValue] = site.guard.mark.split('=');
    // Whatever this shell has of syncmedia is of another host.
    const outer = Object.entries(process.env).filter(
      ([key]) => !/^(SYNCMEDIA_|PATH_RSA$|NODE_OPTIONS$)/.test(key),
    );
    const env = { ...Object.fromEntries(outer), [markName]: markValue, ...own };
    return new DemoHost(site, name, dir, port, sshPort, ssh, envFile, env);
  }

  get url(): string {
    return `http://127.0.0.1:${String(this.port)}`;
  }

  get root(): string {
    return join(this.dir, 'root');
  }

  async startSshd(): Promise<void> {
    const sshd = await spawnSshd(this.ssh.config, this.env);
    this.sshd = sshd;
    this.site.guard.watch(sshd);
    await awaitSshd(sshd, this.ssh.config, this.sshPort, this.site.signal);
  }

  /** `syncmedia init`, as a person would on a new machine. */
  async init(): Promise<void> {
    const child = this.run([CLI, 'init'], 'init.log');
    try {
      const ended = (): Promise<true | undefined> =>
        Promise.resolve(child.exitCode !== null || child.signalCode !== null || undefined);
      await waitFor(ended, { timeout: 60_000, interval: 20, signal: this.site.signal });
    } finally {
      await end(child, 1000);
    }
    if (child.exitCode !== 0)
      throw new Error(
        `syncmedia init on ${this.name} failed (exit code ` +
          `${String(child.exitCode)}):\n${await this.tail('init.log')}`,
      );
  }

  /** Starts the app and waits until it answers. */
  async startApp(): Promise<void> {
    const app = this.run([APP], 'app.log');
    this.app = app;
    const look = async (): Promise<true | undefined> => {
      if (app.exitCode !== null)
        throw new Error(
          `the app of ${this.name} ended at its start:\n${await this.tail('app.log')}`,
        );
      return (await isListening(this.port)) || undefined;
    };
    if (!(await waitFor(look, { timeout: 60_000, interval: 50, signal: this.site.signal })))
      throw new Error(`the app of ${this.name} does not start:\n${await this.tail('app.log')}`);
  }

  async stopApp(): Promise<void> {
    await end(this.app, 10_000);
  }

  /** As a crash ends it, with no time for anything. */
  async killApp(): Promise<void> {
    await end(this.app, 0);
  }

  async stopSshd(): Promise<void> {
    await end(this.sshd, 1000);
  }

  async stop(): Promise<void> {
    await Promise.all([this.stopApp(), this.stopSshd()]);
  }

  /** The last lines that a process of this host wrote. */
  async tail(log: 'app.log' | 'init.log'): Promise<string> {
    const text = await readFile(join(this.dir, log), 'utf8').catch(() => '');
    return text
      .trimEnd()
      .split('\n')
      .slice(-20)
      .map((line) => `    ${line}`)
      .join('\n');
  }

  private run(args: string[], log: string): ChildProcess {
    // One process, not a chain of launchers: what is killed here is the app itself. In a session of
    // its own, so that a ctrl-C reaches only us, and we end all in order.
    const argv = ['--import', import.meta.resolve('tsx'), ...args];
    const child = spawn(process.execPath, argv, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: this.env,
    });
    this.site.guard.watch(child);
    const file = createWriteStream(join(this.dir, log), { flags: 'a' });
    child.stdout.pipe(file, { end: false });
    child.stderr.pipe(file, { end: false });
    child.once('close', () => file.end());
    return child;
  }
}

/** @param patience ms from the polite signal to the one that cannot be refused */
async function end(child: ChildProcess | undefined, patience: number): Promise<void> {
  if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  await endProcesses([child.pid], { patience });
  await ended;
}

/**
 * Below the range from which the system gives ports to clients, so that a host that was down finds
 * its port free again.
 */
async function findFreePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = randomInt(20_000, 32_000);
    if (!(await isListening(port))) return port;
  }
  throw new Error('no free port between 20000 and 32000');
}
