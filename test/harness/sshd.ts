import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { appendFile, chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { findProgram } from '../../scripts/programs.mjs';
import { endProcesses, listMarked, listTree } from '../../scripts/processes.mjs';
import { findSshd, prepareSeparation, type Sshd } from '../../scripts/sshd.mjs';
import { findFreePort } from './free-port.js';
import { guardProcess } from './guard.js';
import { expectGone, processMark } from './leftovers.js';
import type { TestUser } from './ordinary-user.js';
import { configureSshd } from './sshd-config.js';
import { makeTestDir } from './tmp.js';
import { until } from './wait.js';

const run = promisify(execFile);

export interface HostOptions {
  name: string;
  /** Where everything of the host lies; default: a temporary directory, removed by `close`. */
  dir?: string;
  /** An RSA host key beside the Ed25519 one. Default false. */
  rsa?: boolean;
  /** Whether SFTP is served. Default true. */
  sftp?: boolean;
  /** sshd's own setting; the default of this harness never refuses: '100:30:200'. */
  maxStartups?: string;
  /** More lines of sshd_config, such as `ForceCommand …`. */
  settings?: string[];
  /** The user that logs in there and runs it; default: the user of the tests. */
  user?: TestUser;
  /** A command that starts sshd, such as `unshare --pid …`. Default: none. */
  startedBy?: readonly string[];
}

/** A machine as seen from another: a real sshd on loopback with its own keys and directories. */
export interface TestHost {
  name: string;
  hostname: '127.0.0.1';
  port: number;
  username: string;
  dir: string;
  root: string;
  stateDir: string;
  authorizedKeysFile: string;
  /**
   * The key pair with which this host logs in to others; not yet trusted by any, itself included.
   */
  publicKeyFile: string;
  privateKeyFile: string;
  publicKey: string;
  /** Its sshd's own keys, as lines of a .pub file, without comment. */
  hostPublicKeys: string[];
  /** Whether its sshd runs. */
  running(): boolean;
  /** Lets the owner of this key log in. */
  trust(publicKey: string): Promise<void>;
  /**
   * Ends sshd and all its sessions, by SIGTERM, or at once by SIGKILL. Nothing listens on the port
   * any more.
   */
  stop(options?: { hard?: boolean }): Promise<void>;
  /** Starts it again, on the same port. */
  start(): Promise<void>;
  /** Stops its processes from running until `thaw`: connections are taken and never answered. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** What its sshd logged so far, at level VERBOSE. */
  log(): Promise<string>;
  /** The command lines of the rsyncs that others have started here so far, `rsync --server …`. */
  rsyncCalls(): Promise<string[]>;
  /**
   * Puts a program before all others of that name on the PATH of what others start here;
   * `undefined` removes it again. For `rsync` it comes after the counting; `exit 127` is a host
   * without rsync.
   *
   * @param script of /bin/sh, with the caller's arguments
   */
  replaceProgram(program: string, script: string | undefined): Promise<void>;
  /** Stops it for good, and removes its directory unless it was given. */
  close(): Promise<void>;
}

/** Starts a host. Its owner calls `close`; a file that leaves one running fails. */
export async function startHost(options: HostOptions): Promise<TestHost> {
  const sshd = await findSshd();
  if (!sshd) throw new Error('no sshd here: node scripts/setup.mjs says how to get one');
  await prepareSeparation();
  const temporary = options.dir === undefined ? await makeTestDir() : undefined;
  const host = new Host(options, sshd, options.dir ?? temporary?.path ?? '', temporary?.remove);
  try {
    await host.create();
    await host.start();
  } catch (error) {
    await host.close();
    throw error;
  }
  return host;
}

class Host implements TestHost {
  readonly name: string;
  readonly hostname = '127.0.0.1';
  port = 0;
  readonly username: string;
  readonly root: string;
  readonly stateDir: string;
  readonly authorizedKeysFile: string;
  readonly publicKeyFile: string;
  readonly privateKeyFile: string;
  publicKey = '';
  hostPublicKeys: string[] = [];
  readonly #mark = `TEST_HOST_MARK=${randomBytes(8).toString('hex')}`;
  readonly #gone: () => void;
  #child: ChildProcess | undefined;

  constructor(
    private readonly options: HostOptions,
    private readonly sshd: Sshd,
    readonly dir: string,
    private readonly removeDir: (() => Promise<void>) | undefined,
  ) {
    this.name = options.name;
    this.username = options.user?.name ?? userInfo().username;
    this.root = join(dir, 'root');
    this.stateDir = join(dir, 'state');
    this.authorizedKeysFile = join(dir, 'ssh/authorized_keys');
    this.privateKeyFile = join(dir, 'ssh/id_ed25519');
    this.publicKeyFile = `${this.privateKeyFile}.pub`;
    this.#gone = expectGone(`the host ${options.name}`, () => this.close());
  }

  async create(): Promise<void> {
    for (const name of ['root', 'state', 'ssh', 'bin', 'replaced'])
      await mkdir(join(this.dir, name), { recursive: true });
    await chmod(join(this.dir, 'ssh'), 0o700);
    await chmod(this.stateDir, 0o700);
    await writeFile(this.authorizedKeysFile, '', { mode: 0o600, flag: 'a' });
    const types = this.#keyTypes();
    await Promise.all([
      makeKey(this.privateKeyFile, 'ed25519', `${this.username}@${this.name}`),
      ...types.map((type) => makeKey(join(this.dir, `ssh/host_${type}`), type, '')),
    ]);
    this.publicKey = (await readFile(this.publicKeyFile, 'utf8')).trim();
    for (const type of types) {
      const line = await readFile(join(this.dir, `ssh/host_${type}.pub`), 'utf8');
      this.hostPublicKeys.push(line.trim());
    }
    await this.writeCountingRsync();
    await this.options.user?.own(this.dir);
  }

  async start(): Promise<void> {
    if (this.running()) throw new Error(`${this.name} runs already`);
    const first = this.port === 0;
    for (let tries = 1; ; tries++) {
      if (first) this.port = await findFreePort();
      await writeFile(join(this.dir, 'ssh/sshd_config'), await this.configure());
      const problem = await this.launch();
      if (problem === undefined) return;
      // A rival took the port between our look and sshd's bind: take another, but never change a
      // known one.
      if (!first || tries === 5 || !problem.includes('already in use'))
        throw new Error(`${this.name}: ${problem}`);
    }
  }

  running(): boolean {
    return (
      this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
    );
  }

  async trust(publicKey: string): Promise<void> {
    await appendFile(this.authorizedKeysFile, `${publicKey.trim()}\n`);
  }

  async stop({ hard = false }: { hard?: boolean } = {}): Promise<void> {
    await this.signal('SIGCONT'); // A frozen process hears no SIGTERM.
    const roots = this.#child?.pid === undefined || !this.running() ? [] : [this.#child.pid];
    await endProcesses(roots, { mark: this.#mark, patience: hard ? 0 : 1000 });
    await until(() => !this.running(), { what: `the end of ${this.name}'s sshd` });
  }

  async freeze(): Promise<void> {
    await this.signal('SIGSTOP');
  }

  async thaw(): Promise<void> {
    await this.signal('SIGCONT');
  }

  async log(): Promise<string> {
    return readFile(join(this.dir, 'ssh/log'), 'utf8').catch(() => '');
  }

  async rsyncCalls(): Promise<string[]> {
    const text = await readFile(join(this.dir, 'ssh/rsync-calls'), 'utf8').catch(() => '');
    return text.split('\0').filter((call) => call !== '');
  }

  async replaceProgram(program: string, script: string | undefined): Promise<void> {
    const file = join(this.dir, 'replaced', program);
    if (script !== undefined) return writeScript(file, script);
    // A rename, so that a call that starts just now finds one of the two.
    const real = await findProgram(program);
    await writeScript(file, real === undefined ? 'exit 127' : `exec ${quote(real)} "$@"`);
  }

  async close(): Promise<void> {
    await this.stop();
    await this.removeDir?.();
    this.#gone();
  }

  private async signal(name: NodeJS.Signals): Promise<void> {
    const roots = this.#child?.pid === undefined || !this.running() ? [] : [this.#child.pid];
    for (const { pid } of await listTree([...roots, ...(await listMarked(this.#mark))])) {
      try {
        process.kill(pid, name);
      } catch {
        // It ended by itself.
      }
    }
  }

  /** Starts sshd and waits until it listens, or says why it does not. */
  private async launch(): Promise<string | undefined> {
    const before = (await this.log()).length;
    const args = ['-D', '-E', join(this.dir, 'ssh/log'), '-f', join(this.dir, 'ssh/sshd_config')];
    const [program = '', ...argv] = this.options.user?.command(this.sshd.program, args).flat() ?? [
      ...(this.options.startedBy ?? []),
      this.sshd.program,
      ...args,
    ];
    // Its own session: a ctrl-C in the terminal is for us, and we end it in order.
    const child = spawn(program, argv, {
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: this.environment(),
    });
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    let failure: Error | undefined;
    child.on('error', (error) => (failure = error));
    guardProcess(child, this.#mark);
    this.#child = child;
    const said = async (): Promise<string> => (await this.log()).slice(before);
    const listening = `Server listening on ${this.hostname} port ${String(this.port)}.`;
    await until(async () => failure ?? (!this.running() || (await said()).includes(listening)), {
      timeout: 10_000,
      what: `the start of ${this.name}'s sshd`,
    });
    if (failure) return failure.message;
    return this.running() ? undefined : `sshd did not start: ${errors}${await said()}`;
  }

  private environment(): NodeJS.ProcessEnv {
    const [name = '', value] = this.#mark.split('=');
    return { ...process.env, [name]: value };
  }

  private configure(): Promise<string> {
    const path = `PATH=${join(this.dir, 'bin')}:${join(this.dir, 'replaced')}:${process.env.PATH ?? '/usr/bin:/bin'}`;
    return configureSshd(this.sshd, this.options, {
      port: this.port,
      hostKeys: this.#keyTypes().map((type) => join(this.dir, `ssh/host_${type}`)),
      authorizedKeysFile: this.authorizedKeysFile,
      // A shell that runs a command of ssh reads the files in its home first: those of whoever runs
      // the tests may be slow, or wait.
      environment: [path, `HOME=${this.dir}`, this.#mark, processMark()],
    });
  }

  #keyTypes(): string[] {
    return ['ed25519', ...(this.options.rsa ? ['rsa'] : [])];
  }

  private async writeCountingRsync(): Promise<void> {
    const file = join(this.dir, 'bin/rsync');
    const next = join(this.dir, 'replaced/rsync');
    await this.replaceProgram('rsync', undefined);
    const note = `printf 'rsync %s\\0' "$*" >> ${quote(join(this.dir, 'ssh/rsync-calls'))}`;
    await writeScript(file, `${note}\nexec ${quote(next)} "$@"`);
  }
}

async function makeKey(file: string, type: string, comment: string): Promise<void> {
  // Of an earlier run in a directory that was given.
  if (await readFile(file).catch(() => undefined)) return;
  await run('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', comment, '-f', file], {
    timeout: 30_000,
  });
}

async function writeScript(file: string, script: string): Promise<void> {
  await writeFile(`${file}.new`, `#!/bin/sh\n${script}\n`);
  await chmod(`${file}.new`, 0o755);
  await rename(`${file}.new`, file);
}

const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
