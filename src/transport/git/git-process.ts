import { spawn, type ChildProcess } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import type { Duplex, Readable, Writable } from 'node:stream';
import { requirePipes } from '../../util/require-pipes.js';
import { makeStarterVariable } from './orphans.js';

/** Output on stderr beyond this is dropped. */
const MAX_STDERR = 64 * 1024;
/** Time from SIGTERM to SIGKILL. */
const KILL_AFTER_MS = 3_000;

export interface GitExit {
  /** Null if a signal ended git. */
  readonly code: number | null;
  readonly stderr: string;
  /** Why this process ended git, or why git never started. */
  readonly endedBy?: 'silence' | 'slowness' | 'abort' | 'too much output' | 'no git';
}

interface GitOptions {
  readonly signal: AbortSignal;
  /** git is ended after this long without reading or writing. */
  readonly silenceMs: number;
  /** Whether descriptors 3 and 4 carry the other end of a push. Default false. */
  readonly carriesPush?: boolean;
  readonly surroundings?: GitSurroundings;
}

/** What a git needs beside its own arguments. */
export interface GitSurroundings {
  /** Default `/`. */
  readonly cwd?: string;
  /** Variables beside those that every git gets. */
  readonly environment?: NodeJS.ProcessEnv;
}

/**
 * git's whole environment. Neither this machine's configuration nor a variable of the app counts,
 * and git connects nowhere by itself: a push goes through two descriptors that its caller holds.
 */
function makeEnvironment(): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
    LC_ALL: 'C',
    TZ: 'UTC',
    HOME: '/nonexistent',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ALLOW_PROTOCOL: 'fd',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_NO_REPLACE_OBJECTS: '1',
    // A path that contains `*` or begins with `:(` is no pattern.
    GIT_LITERAL_PATHSPECS: '1',
  };
}

/**
 * One running git on this host's repository, started without a shell. Only this class starts git.
 * The owner reads `stdout` and waits for `exited`.
 */
export class GitProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** The other end of a push: git's input and output. */
  readonly pushInput: Duplex | undefined;
  readonly pushOutput: Duplex | undefined;
  readonly exited: Promise<GitExit>;
  private readonly child: ChildProcess;
  private readonly silence: NodeJS.Timeout;
  private kill: NodeJS.Timeout | undefined;
  private endedBy: GitExit['endedBy'];
  private stderr = '';

  /** @throws TRANSFER_FAILED if too many files are open */
  constructor(
    gitDir: string,
    args: readonly string[],
    { signal, silenceMs, carriesPush = false, surroundings = {} }: GitOptions,
  ) {
    // git gets its own process group, so that the programs that it starts end with it.
    const child = requirePipes(
      spawn('git', [`--git-dir=${gitDir}`, ...args], {
        stdio: carriesPush ? ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'] : ['pipe', 'pipe', 'pipe'],
        env: { ...makeEnvironment(), ...makeStarterVariable(gitDir), ...surroundings.environment },
        cwd: surroundings.cwd ?? '/',
        detached: true,
      }),
    );
    this.child = child;
    [this.stdin, this.stdout] = [child.stdin, child.stdout];
    [this.pushInput, this.pushOutput] = child.stdio.slice(3) as Duplex[];
    this.silence = setTimeout(() => {
      this.end('silence');
    }, silenceMs);
    const onAbort = (): void => {
      this.end('abort');
    };
    signal.addEventListener('abort', onAbort, { once: true });
    this.giveWay();
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.touch();
      if (this.stderr.length < MAX_STDERR) this.stderr += text;
    });
    // git may end before it has read everything. Its exit code tells that.
    for (const stream of [this.stdin, this.pushInput, this.pushOutput])
      stream?.on('error', () => undefined);
    this.exited = this.waitForEnd().then((code) => {
      clearTimeout(this.silence);
      clearTimeout(this.kill);
      signal.removeEventListener('abort', onAbort);
      return {
        code,
        stderr: this.stderr,
        ...(this.endedBy === undefined ? {} : { endedBy: this.endedBy }),
      };
    });
    if (signal.aborted) onAbort();
  }

  /** Says that bytes came or went, so that git counts as busy. */
  touch(): void {
    this.silence.refresh();
  }

  /** Writes to its standard input, and waits while git is slower. */
  async write(bytes: string | Uint8Array): Promise<void> {
    this.touch();
    if (this.stdin.destroyed || this.stdin.write(bytes)) return;
    await new Promise<void>((resolve) => {
      const go = (): void => {
        this.stdin.off('drain', go).off('close', go);
        resolve();
      };
      this.stdin.on('drain', go).on('close', go);
    });
  }

  end(why: NonNullable<GitExit['endedBy']>): void {
    this.endedBy ??= why;
    this.signal('SIGTERM');
    this.kill ??= setTimeout(() => {
      this.signal('SIGKILL');
    }, KILL_AFTER_MS);
  }

  /** Deliveries come first. */
  private giveWay(): void {
    const { pid } = this.child;
    if (pid === undefined) return;
    try {
      setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
    } catch {
      // It has already ended, or this system does not allow it.
    }
  }

  private signal(name: NodeJS.Signals): void {
    const { pid } = this.child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, name);
    } catch {
      // The whole group has already ended.
    }
  }

  private waitForEnd(): Promise<number | null> {
    return new Promise((resolve) => {
      this.child.on('error', () => {
        this.endedBy ??= 'no git';
        this.stdout.destroy();
        resolve(null);
      });
      this.child.on('close', resolve);
      this.child.on('exit', () => {
        // Nobody needs the remaining output of a git that we ended.
        if (this.endedBy === undefined) return;
        for (const stream of [this.stdout, this.pushInput, this.pushOutput]) stream?.destroy();
      });
    });
  }
}
