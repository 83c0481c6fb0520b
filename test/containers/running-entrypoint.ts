import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { listTree, type Running } from '../../scripts/processes.mjs';
import { findSshd, prepareSeparation } from '../../scripts/sshd.mjs';
import { findFreePort } from '../harness/free-port.js';
import { expectGone } from '../harness/leftovers.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';
import { until } from '../harness/wait.js';

const script = fileURLToPath(new URL('../../container/entrypoint.sh', import.meta.url));

/**
 * In the place of the command line: notes each call, and ends as the file `NAME.codes` says, with
 * one code for each call. `wait` stands for a call that ends only by a signal.
 */
const standIn = `
const { appendFileSync, readFileSync, writeFileSync } = require('node:fs');
const folder = process.env.STAND_IN;
const [name] = process.argv.slice(2);
appendFileSync(folder + '/calls', process.argv.slice(2).join(' ') + '\\n');
for (const name of ['COMMAND', 'INIT_OPTIONS', 'ON_STOP'])
  if ('SYNCMEDIA_' + name in process.env) appendFileSync(folder + '/calls', 'sees ' + name + '\\n');
let codes = [];
try {
  codes = readFileSync(folder + '/' + name + '.codes', 'utf8').split(' ');
} catch {}
const code = codes.shift() ?? '0';
writeFileSync(folder + '/' + name + '.codes', codes.join(' ') || '0');
if (code === 'wait') setInterval(() => {}, 1000);
else process.exitCode = Number(code);
`;

/** An application that notes its start, its umask and its signals, and ends as it is told. */
const application = `
const { appendFileSync } = require('node:fs');
const note = (text) => appendFileSync(process.env.STAND_IN + '/calls', text + '\\n');
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'])
  process.on(signal, () => {
    note('application ' + signal);
    if (signal !== 'SIGHUP') setTimeout(() => process.exit(Number(process.argv[2])), 100);
  });
note('application umask ' + process.umask().toString(8));
setInterval(() => {}, 1000);
`;

export interface EntrypointOptions {
  /** The codes with which `init` ends, one after the other; `wait` ends by a signal only. */
  readonly init?: string;
  /** The same for `unregister`. */
  readonly unregister?: string;
  readonly environment?: Record<string, string>;
  /** Default: the application that notes its signals, and ends with 7. */
  readonly command?: string[];
  /** The name of the state folder. */
  readonly stateName?: string;
}

/** `container/entrypoint.sh` as a process of this machine, with a real sshd. */
export class RunningEntrypoint {
  readonly child: ChildProcess;
  output = '';
  private readonly ended: Promise<unknown>;
  private readonly gone: () => void;

  private constructor(
    private readonly dir: TestDir,
    readonly port: number,
    readonly stateDir: string,
    readonly root: string,
    command: string[],
    environment: Record<string, string>,
  ) {
    this.child = spawn('sh', [script, ...command], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    this.ended = once(this.child, 'close');
    this.gone = expectGone('the entrypoint', () => this.close());
  }

  static async start(options: EntrypointOptions = {}): Promise<RunningEntrypoint> {
    await prepareSeparation();
    const dir = await makeTestDir();
    const port = await findFreePort();
    const stateDir = join(dir.path, options.stateName ?? 'state');
    await writeFile(join(dir.path, 'syncmedia.cjs'), standIn);
    await writeFile(join(dir.path, 'application.cjs'), application);
    await writeFile(join(dir.path, 'calls'), '');
    for (const name of ['init', 'unregister'] as const)
      if (options[name] !== undefined)
        await writeFile(join(dir.path, `${name}.codes`), options[name]);
    const sshd = await findSshd();
    const command = options.command ?? [process.execPath, join(dir.path, 'application.cjs'), '7'];
    const root = join(dir.path, 'root');
    await mkdir(root);
    return new RunningEntrypoint(dir, port, stateDir, root, command, {
      PATH: `${process.env['PATH'] ?? ''}:${join(sshd?.program ?? '', '..')}`,
      STAND_IN: dir.path,
      SYNCMEDIA_COMMAND: join(dir.path, 'syncmedia.cjs'),
      SYNCMEDIA_STATE_DIR: stateDir,
      SYNCMEDIA_ROOT: root,
      SYNCMEDIA_SSH_PORT: String(port),
      ...options.environment,
    });
  }

  /** What the command line and the application noted so far. */
  async calls(): Promise<string[]> {
    return (await readFile(join(this.dir.path, 'calls'), 'utf8'))
      .split('\n')
      .filter((line) => line !== '');
  }

  async untilCalled(what: string): Promise<void> {
    await until(async () => (await this.calls()).some((line) => line.startsWith(what)), {
      timeout: 60_000,
      what: `"${what}"; it said ${this.output}`,
    });
  }

  /** The processes below it whose command has this in it. */
  async listProcesses(part: string): Promise<Running[]> {
    return (await listTree([this.child.pid ?? 0])).filter(({ command }) => command.includes(part));
  }

  /** Resolves with its exit code once it has ended, or the signal that ended it. */
  async end(signal?: NodeJS.Signals): Promise<number | string | null> {
    if (signal) this.child.kill(signal);
    await until(() => this.child.exitCode !== null || this.child.signalCode !== null, {
      timeout: 60_000,
      what: `the end of the entrypoint; it said ${this.output}`,
    });
    await this.ended;
    return this.child.exitCode ?? this.child.signalCode;
  }

  async close(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) await this.end('SIGTERM');
    await this.dir.remove();
    this.gone();
  }
}
