import type { WriteStream } from 'node:tty';
import type { Log } from '../log.js';

type Output = NodeJS.WritableStream & Partial<Pick<WriteStream, 'isTTY' | 'columns'>>;

/** Milliseconds between two progress lines where stderr is no terminal. */
const plainEveryMs = 1_000;

/** Data to stdout, everything else to stderr; on a terminal one progress line at its bottom, elsewhere plain lines. */
export class Screen {
  private shown = '';
  private shownAt = -Infinity;

  constructor(private readonly out: Output, private readonly err: Output) {}

  /** Whether progress is shown to somebody, in one line that changes. */
  get isTerminal(): boolean { return this.err.isTTY ?? false; }

  /** Data. */
  print(text: string): void {
    this.endProgress();
    this.out.write(text.endsWith('\n') || text === '' ? text : `${text}\n`);
  }

  printJson(data: unknown): void {
    this.print(JSON.stringify(data, null, 2));
  }

  /** One line for people. */
  note(line: string): void {
    this.endProgress();
    this.err.write(`${escapeControls(line)}\n`);
  }

  progress(line: string): void {
    if (line === this.shown) return;
    if (this.err.isTTY) {
      this.err.write(`\r\x1b[K${escapeControls(line).slice(0, (this.err.columns ?? 80) - 1)}`);
    } else {
      const now = performance.now();
      if (now - this.shownAt < plainEveryMs) return;
      this.shownAt = now;
      this.err.write(`${escapeControls(line)}\n`);
    }
    this.shown = line;
  }

  /** What an instance logs, without tearing the progress line. */
  readonly log: Log = {
    info: (message) => { this.note(`syncmedia: ${message}`); },
    warn: (message) => { this.note(`syncmedia: warning: ${message}`); },
    error: (message) => { this.note(`syncmedia: error: ${message}`); },
  };

  private endProgress(): void {
    if (this.shown !== '' && this.err.isTTY) this.err.write('\r\x1b[K');
    this.shown = '';
  }
}

/** File names and other hosts' answers may hold what a terminal takes for commands. */
export function escapeControls(text: string): string {
  return text.replace(/\p{Cc}/gu, (control) => control === '\n' ? '\\n' : control === '\t' ? '\\t'
    : `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
