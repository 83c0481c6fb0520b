import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { requirePipes } from '../../util/require-pipes.js';
import type { RsyncCommand } from './rsync-command.js';

/** Output on stderr beyond this is dropped. */
const MAX_STDERR = 256 * 1024;
/** Longer than any name with all its bytes escaped. */
const MAX_LINE = 32 * 1024;
/** Time from SIGTERM to SIGKILL. */
const KILL_AFTER_MS = 3_000;
/** Time after the exit to read the rest of stderr. */
const STDERR_AFTER_EXIT_MS = 200;

export interface RsyncExit {
  /** Null if a signal ended rsync. */
  readonly code: number | null;
  /** The text on stderr as latin1, in which rsync escapes names. Ignored lines are left out. */
  readonly stderr: string;
  /** Number of ignored lines on stderr, if any. */
  readonly ignored?: number;
  /** Why this process ended rsync, or why rsync never started. */
  readonly endedBy?: 'silence' | 'abort' | 'no rsync';
}

interface ProcessOptions {
  /** Paths for `--files-from=-`. */
  readonly list?: readonly string[];
  readonly signal: AbortSignal;
  /** rsync is ended after this long without output. */
  readonly silenceMs: number;
  /** Lines on stderr that are counted and dropped. Default: none. */
  readonly ignore?: RegExp;
}

/** Collects the stderr of a process, line by line, up to a limit. */
class StderrCollector {
  private text = '';
  private pendingText = '';
  private ignored = 0;

  constructor(private readonly ignore: RegExp | undefined) {}

  add(text: string): void {
    const lines = (this.pendingText + text).split('\n');
    this.pendingText = lines.pop() ?? '';
    for (const line of lines) this.addLine(`${line}\n`);
    if (this.pendingText.length > MAX_LINE) {
      this.addLine(this.pendingText);
      this.pendingText = '';
    }
  }

  end(): Pick<RsyncExit, 'stderr' | 'ignored'> {
    this.addLine(this.pendingText);
    this.pendingText = '';
    return { stderr: this.text, ...(this.ignored > 0 && { ignored: this.ignored }) };
  }

  private addLine(line: string): void {
    if (this.ignore?.test(line)) this.ignored++;
    else if (this.text.length < MAX_STDERR) this.text += line;
  }
}

/**
 * One running rsync, started without a shell. Only this class starts rsync. The owner must read
 * its lines, and thereby sees it end.
 */
export class RsyncProcess {
  private readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** Resolves when rsync has exited. It exits only after its lines were read. */
  readonly exited: Promise<RsyncExit>;
  private readonly silence: NodeJS.Timeout;
  private kill: NodeJS.Timeout | undefined;
  private endedBy: RsyncExit['endedBy'];
  private isRead = true;

  /** @throws TRANSFER_FAILED if too many files are open */
  constructor(command: RsyncCommand, { list = [], signal, silenceMs, ignore }: ProcessOptions) {
    // rsync gets its own process group, so that its ssh ends with it. A master that ssh leaves
    // behind has left the group by then.
    this.child = requirePipes(
      spawn(command.executable(), command.args(), {
        stdio: ['pipe', 'pipe', 'pipe'],
        env: makeEnvironment(),
        detached: true,
      }),
    );
    this.silence = setTimeout(() => {
      // A slow reader makes rsync wait; that is no silence.
      if (this.isRead) this.end('silence');
      else this.silence.refresh();
    }, silenceMs);
    const onAbort = (): void => {
      this.end('abort');
    };
    signal.addEventListener('abort', onAbort, { once: true });
    const collector = new StderrCollector(ignore);
    this.child.stderr.setEncoding('latin1').on('data', (text: string) => {
      this.silence.refresh();
      collector.add(text);
    });
    // rsync may exit before it has read the list. Its exit code tells that.
    this.child.stdin.on('error', () => undefined);
    this.child.stdin.end(Buffer.from(list.map((path) => `${path}\0`).join('')));
    this.exited = this.waitForEnd().then((code) => {
      clearTimeout(this.silence);
      clearTimeout(this.kill);
      signal.removeEventListener('abort', onAbort);
      return {
        code,
        ...collector.end(),
        ...(this.endedBy === undefined ? {} : { endedBy: this.endedBy }),
      };
    });
    if (signal.aborted) onAbort();
  }

  /**
   * Yields its output as latin1. Ends when rsync has exited. If the reader stops early, rsync is
   * ended.
   */
  async *lines(): AsyncGenerator<string, void, undefined> {
    let rest = '';
    let complete = false;
    try {
      for await (const bytes of this.child.stdout as AsyncIterable<Buffer>) {
        this.silence.refresh();
        // Carriage returns separate the lines of progress.
        const lines = (rest + bytes.toString('latin1')).split(/[\r\n]/);
        rest = lines.pop() ?? '';
        if (rest.length > MAX_LINE) rest = '';
        this.isRead = false;
        for (const line of lines) yield line;
        this.isRead = true;
      }
      complete = true;
    } catch (error) {
      // A pipe that we closed ends with this error.
      if ((error as { code?: unknown }).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
      complete = true;
    } finally {
      this.isRead = true;
      this.silence.refresh();
      if (!complete) this.end('abort');
      await this.exited;
    }
  }

  /** Reads all lines and waits for the exit. */
  async readAll(onLine: (line: string) => void): Promise<RsyncExit> {
    for await (const line of this.lines()) onLine(line);
    return this.exited;
  }

  private end(why: NonNullable<RsyncExit['endedBy']>): void {
    this.endedBy ??= why;
    this.signal('SIGTERM');
    this.kill ??= setTimeout(() => {
      this.signal('SIGKILL');
    }, KILL_AFTER_MS);
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
        this.endedBy ??= 'no rsync';
        this.child.stdout.destroy();
        resolve(null);
      });
      this.child.on('close', resolve);
      this.child.on('exit', () => {
        // Nobody needs the remaining output of an rsync that we ended. Otherwise its output is
        // read to the end, however slowly.
        if (this.endedBy !== undefined) this.child.stdout.destroy();
        // An ssh master may serve another call. It keeps the stderr of the ssh from which it was
        // forked.
        const stderrTimer = setTimeout(() => {
          this.child.stderr.destroy();
        }, STDERR_AFTER_EXIT_MS);
        this.child.on('close', () => {
          clearTimeout(stderrTimer);
        });
      });
    });
  }
}

/**
 * The output must not depend on the locale or time zone, and RSYNC_RSH or RSYNC_OLD_ARGS must not
 * count.
 */
function makeEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(RSYNC_|LC_|LANG)/.test(name));
  return { ...Object.fromEntries(kept), LC_ALL: 'C', TZ: 'UTC' };
}
