import type { WriteStream } from 'node:tty';
import { defaultColumns } from './layout.js';
import { escapeControls, escapeJson, type Log } from '../model/log.js';
import { renderColours } from './colours.js';
import { chooseStyle, toAscii, type TerminalStyle } from './terminal.js';

type Output = NodeJS.WritableStream & Partial<Pick<WriteStream, 'isTTY' | 'columns' | 'rows'>>;

/** Rows of a terminal that does not tell its height. */
const defaultRows = 24;
const hideCursor = '\x1b[?25l',
  showCursor = '\x1b[?25h',
  moveHome = '\x1b[H',
  eraseLineEnd = '\x1b[K',
  eraseBelow = '\x1b[J';

/** Milliseconds between two progress lines if stderr is no terminal. */
const plainEveryMs = 1_000;

/**
 * Writes data to stdout, and everything else to stderr. On a terminal the progress is one line at
 * the bottom, elsewhere it is plain lines.
 */
export class Screen {
  private shownLine = '';
  private shownAt = -Infinity;
  private isRedrawing = false;

  constructor(
    private readonly out: Output,
    private readonly err: Output,
    private readonly style: TerminalStyle = chooseStyle(out.isTTY ?? false, process.env),
  ) {}

  /** Whether stderr is a terminal, where progress is one line that changes. */
  get isTerminal(): boolean {
    return this.err.isTTY ?? false;
  }

  /** Whether stdout is a terminal, on which text can be drawn anew. */
  get canRedraw(): boolean {
    return this.out.isTTY ?? false;
  }

  /** Prints lines of data to stdout. */
  print(text: string): void {
    this.write(this.render(text));
  }

  /** Draws text in place of the one that it drew before, as far as it fits the terminal. */
  redraw(text: string): void {
    // A terminal may say 0 where it does not know.
    const rows = (this.out.rows || defaultRows) - 1;
    const lines = text.trimEnd().split('\n');
    const fitting = lines.length > rows ? [...lines.slice(0, rows - 1), '…'] : lines;
    const drawn = fitting.map((line) => `${this.render(line)}${eraseLineEnd}\n`).join('');
    // The first one clears what the terminal showed before.
    const begin = this.isRedrawing ? moveHome : `${hideCursor}${moveHome}${eraseBelow}`;
    this.isRedrawing = true;
    this.out.write(`${begin}${drawn}${eraseBelow}`);
  }

  endRedraw(): void {
    if (this.isRedrawing) this.out.write(showCursor);
    this.isRedrawing = false;
  }

  /** Prints a text of ours as it is: a script for a program. */
  printRaw(text: string): void {
    this.write(text);
  }

  /** Prints the same JSON on every kind of terminal. */
  printJson(data: unknown): void {
    this.write(escapeJson(JSON.stringify(data, null, 2)));
  }

  /** Prints JSON as one line, for a stream of them. */
  printJsonLine(data: unknown): void {
    this.write(escapeJson(JSON.stringify(data)));
  }

  /** Prints one line for people to stderr. */
  printNotice(line: string): void {
    this.endProgress();
    this.err.write(`${escapeControls(line)}\n`);
  }

  showProgress(line: string): void {
    if (line === this.shownLine) return;
    if (this.err.isTTY) {
      // A terminal may say 0 where it does not know.
      const columns = this.err.columns || defaultColumns;
      this.err.write(`\r\x1b[K${escapeControls(line).slice(0, columns - 1)}`);
    } else {
      const now = performance.now();
      if (now - this.shownAt < plainEveryMs) return;
      this.shownAt = now;
      this.err.write(`${escapeControls(line)}\n`);
    }
    this.shownLine = line;
  }

  /** Prints the log of an instance without breaking the progress line. */
  readonly log: Log = {
    info: (message) => {
      this.printNotice(`syncmedia: ${message}`);
    },
    warn: (message) => {
      this.printNotice(`syncmedia: warning: ${message}`);
    },
    error: (message) => {
      this.printNotice(`syncmedia: error: ${message}`);
    },
  };

  private render(text: string): string {
    const escaped = text.split('\n').map(escapeControls).join('\n');
    const coloured = renderColours(escaped, this.style.isColoured);
    return this.style.isAscii ? toAscii(coloured) : coloured;
  }

  private write(lines: string): void {
    this.endProgress();
    this.out.write(lines.endsWith('\n') || lines === '' ? lines : `${lines}\n`);
  }

  private endProgress(): void {
    if (this.shownLine !== '' && this.err.isTTY) this.err.write('\r\x1b[K');
    this.shownLine = '';
  }
}
