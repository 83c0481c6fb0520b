import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { RsyncCommand } from './rsync-command.js';

/** Its explanations beyond this are dropped. */
const MAX_STDERR = 256 * 1024;
/** Longer than any name with all its bytes escaped. */
const MAX_LINE = 32 * 1024;
/** From asking it to end until it is no longer asked. */
const PATIENCE_MS = 3_000;
/** For what it said on stderr before it ended. */
const LAST_WORDS_MS = 200;

export interface Ended {
  /** Null where a signal ended it. */
  readonly code: number | null;
  /** As latin1: names in it are escaped. Without the lines that were ignored. */
  readonly stderr: string;
  /** Lines on stderr that were ignored, where there were any. */
  readonly ignored?: number;
  /** Why we ended it, or why it never began. */
  readonly because?: 'silence' | 'abort' | 'no rsync';
}

export interface ProcessOptions {
  /** Paths for `--files-from=-`. */
  readonly list?: readonly string[];
  readonly signal: AbortSignal;
  /** Without any output for this long it is ended. */
  readonly silenceMs: number;
  /** Lines on stderr that are counted and kept out of what it said. Default: none. */
  readonly ignore?: RegExp;
}

/** What a process says on stderr, line by line, as far as it is kept. */
class Said {
  private kept = '';
  private rest = '';
  private ignored = 0;

  constructor(private readonly ignore: RegExp | undefined) {}

  add(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) this.keep(`${line}\n`);
    if (this.rest.length > MAX_LINE) {
      this.keep(this.rest);
      this.rest = '';
    }
  }

  end(): Pick<Ended, 'stderr' | 'ignored'> {
    this.keep(this.rest);
    this.rest = '';
    return { stderr: this.kept, ...(this.ignored > 0 && { ignored: this.ignored }) };
  }

  private keep(line: string): void {
    if (this.ignore?.test(line)) this.ignored++;
    else if (this.kept.length < MAX_STDERR) this.kept += line;
  }
}

/** One rsync, started without a shell; the one place where it is. Whoever makes it reads its lines, and so sees it end. */
export class RsyncProcess {
  private readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** When it is gone. It only ends once its lines are read. */
  readonly ended: Promise<Ended>;
  private readonly silence: NodeJS.Timeout;
  private kill: NodeJS.Timeout | undefined;
  private because: Ended['because'];
  private isRead = true;

  constructor(command: RsyncCommand, { list = [], signal, silenceMs, ignore }: ProcessOptions) {
    // A group of its own, so that its ssh ends with it. The master that ssh may leave behind has left the group by then.
    this.child = spawn(command.executable(), command.args(), { stdio: ['pipe', 'pipe', 'pipe'], env: environment(), detached: true });
    this.silence = setTimeout(() => {
      // Whoever reads slowly makes rsync wait: that is no silence of its.
      if (this.isRead) this.end('silence');
      else this.silence.refresh();
    }, silenceMs);
    const onAbort = (): void => { this.end('abort'); };
    signal.addEventListener('abort', onAbort, { once: true });
    const said = new Said(ignore);
    this.child.stderr.setEncoding('latin1').on('data', (text: string) => {
      this.silence.refresh();
      said.add(text);
    });
    // It may end before it read the list; its exit code tells so.
    this.child.stdin.on('error', () => undefined);
    this.child.stdin.end(Buffer.from(list.map((path) => `${path}\0`).join('')));
    this.ended = this.waitForEnd().then((code) => {
      clearTimeout(this.silence);
      clearTimeout(this.kill);
      signal.removeEventListener('abort', onAbort);
      return { code, ...said.end(), ...(this.because === undefined ? {} : { because: this.because }) };
    });
    if (signal.aborted) onAbort();
  }

  /** Its output, as latin1. Ends when it has ended, and ends it when the reader stops before. */
  async *lines(): AsyncGenerator<string, void, undefined> {
    let rest = '';
    let complete = false;
    try {
      for await (const bytes of this.child.stdout as AsyncIterable<Buffer>) {
        this.silence.refresh();
        // Progress comes between carriage returns.
        const lines = (rest + bytes.toString('latin1')).split(/[\r\n]/);
        rest = lines.pop() ?? '';
        if (rest.length > MAX_LINE) rest = '';
        this.isRead = false;
        for (const line of lines) yield line;
        this.isRead = true;
      }
      complete = true;
    } catch (error) {
      // That is how the end of a pipe looks that we closed.
      if ((error as { code?: unknown }).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
      complete = true;
    } finally {
      this.isRead = true;
      this.silence.refresh();
      if (!complete) this.end('abort');
      await this.ended;
    }
  }

  /** Reads all of its lines and waits for its end. */
  async readAll(onLine: (line: string) => void): Promise<Ended> {
    for await (const line of this.lines()) onLine(line);
    return this.ended;
  }

  private end(why: NonNullable<Ended['because']>): void {
    this.because ??= why;
    this.signal('SIGTERM');
    this.kill ??= setTimeout(() => { this.signal('SIGKILL'); }, PATIENCE_MS);
  }

  private signal(name: NodeJS.Signals): void {
    const { pid } = this.child;
    if (pid === undefined) return;
    try { process.kill(-pid, name); } catch {
      // All of it has ended by itself.
    }
  }

  private waitForEnd(): Promise<number | null> {
    return new Promise((resolve) => {
      this.child.on('error', () => {
        this.because ??= 'no rsync';
        this.child.stdout.destroy();
        resolve(null);
      });
      this.child.on('close', resolve);
      this.child.on('exit', () => {
        // Nobody wants the rest of what we ended; else its output is read to its end, however slowly.
        if (this.because !== undefined) this.child.stdout.destroy();
        // An ssh master, which may go on with another call, keeps the stderr of the ssh that it was.
        const letGo = setTimeout(() => { this.child.stderr.destroy(); }, LAST_WORDS_MS);
        this.child.on('close', () => { clearTimeout(letGo); });
      });
    });
  }
}

/** Bytes and times are told the same everywhere, and nobody's RSYNC_RSH or RSYNC_OLD_ARGS counts. */
function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(RSYNC_|LC_|LANG)/.test(name));
  return { ...Object.fromEntries(kept), LC_ALL: 'C', TZ: 'UTC' };
}
