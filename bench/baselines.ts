import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { dir, type Machine } from '../test/flow/site.js';

/**
 * What django-syncmedia's save hook runs for one host: the whole sync dir, over an ssh connection
 * of its own. (It says `-r` in some versions, which sends every file's checksums each time; `-avz`
 * is the quicker one.)
 */
export async function pushAsPredecessor(key: string, from: Machine, to: Machine): Promise<void> {
  const ssh =
    `ssh -o StrictHostKeyChecking=no -o ConnectTimeout=10 -o ` +
    `UserKnownHostsFile=/dev/null -o LogLevel=ERROR -p ${String(to.ssh.port)} -i ${key}`;
  await run('rsync', [
    '--exclude=.*',
    '-avz',
    '-e',
    ssh,
    `${from.path(dir)}/`,
    `${to.ssh.username}@127.0.0.1:${to.path(dir)}/`,
  ]);
}

/** An OpenSSH connection that stays open, for bare rsync. */
export class WarmSsh {
  private readonly socket: string;

  constructor(
    private readonly key: string,
    private readonly from: Machine,
    private readonly to: Machine,
  ) {
    this.socket = join(from.ssh.dir, `m-${to.name}`);
  }

  async open(): Promise<this> {
    await run('ssh', [
      ...this.options(),
      '-o',
      'ControlMaster=yes',
      '-f',
      '-N',
      `${this.to.ssh.username}@127.0.0.1`,
    ]);
    return this;
  }

  /**
   * One rsync of listed files.
   *
   * @param folder that they are relative to, on either side; default: the sync dir
   * @param options more options of rsync
   */
  async send(
    files: readonly string[],
    folder: string = dir,
    options: readonly string[] = [],
  ): Promise<void> {
    const list = `${files.join('\0')}\0`;
    await run(
      'rsync',
      [
        '-t',
        ...options,
        '--from0',
        '--files-from=-',
        '-e',
        this.command,
        `${this.from.path(folder)}/`,
        `${this.to.ssh.username}@127.0.0.1:${this.to.path(folder)}/`,
      ],
      list,
    );
  }

  async close(): Promise<void> {
    await run('ssh', [...this.options(), '-O', 'exit', '127.0.0.1']).catch(() => undefined);
    await rm(this.socket, { force: true });
  }

  /** The program that rsync is told to reach the host by. */
  get command(): string {
    return ['ssh', ...this.options()].join(' ');
  }

  private options(): string[] {
    return [
      '-S',
      this.socket,
      '-p',
      String(this.to.ssh.port),
      '-i',
      this.key,
      '-o',
      'StrictHostKeyChecking=no',
      '-o',
      'UserKnownHostsFile=/dev/null',
      '-o',
      'LogLevel=ERROR',
    ];
  }
}

/** Runs a program to its end. @throws with what it said where it fails */
export async function run(program: string, args: readonly string[], input = ''): Promise<string> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '',
    errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output = (output + text).slice(-10_000);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-2_000);
  });
  child.stdin.on('error', () => undefined).end(input);
  // A master that goes to the background keeps its pipes: its parent's end is what counts.
  const [code] = (await once(child, program === 'ssh' ? 'exit' : 'close')) as [number | null];
  if (code !== 0) throw new Error(`${program} ended with ${String(code)}: ${errors}`);
  return output;
}
