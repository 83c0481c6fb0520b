import { removeMarks, type PaintCell } from './colours.js';
import { escapeControls } from '../model/log.js';
import { formatPairs, fitsTable, formatTable } from './table.js';
import { measureWidth, shortenMiddle } from './text-width.js';

type Rows = readonly (readonly string[])[];

/** Columns of a terminal that does not tell its width. */
export const defaultColumns = 80;

const hint = 'Shortened to fit; --wide shows everything.\n';

/**
 * Lays out what a command prints. On a terminal every line fits and times are relative. Elsewhere,
 * and with `--wide`, everything is printed in full and times are ISO 8601.
 */
export class Layout {
  private readonly columns: number;
  private isShortened = false;

  constructor(
    private readonly isFitted: boolean,
    columns: number | undefined,
    private readonly now = Date.now(),
  ) {
    // A terminal may say 0 where it does not know.
    this.columns = isFitted ? columns || defaultColumns : Infinity;
  }

  /**
   * Formats a list, or says that there is none: `no runs`.
   * @param optional headings of the columns that are left out where the table does not fit, from
   *   the first on
   */
  formatList(
    noun: string,
    headings: readonly string[],
    rows: Rows,
    optional: readonly string[] = [],
    paintCell?: PaintCell,
  ): string {
    return rows.length === 0
      ? `no ${noun}\n`
      : this.formatTable(headings, rows, optional, paintCell);
  }

  /** Formats a table after an empty line; nothing if it has no rows. */
  formatSection(headings: readonly string[], rows: Rows, paintCell?: PaintCell): string {
    return rows.length > 0 ? `\n${this.formatTable(headings, rows, [], paintCell)}` : '';
  }

  /** Shortens a long id to its beginning, which commands accept as well. */
  formatId(id: string): string {
    return this.isFitted ? id.slice(0, 8) : id;
  }

  formatPairs(pairs: readonly (readonly [name: string, value: string])[]): string {
    const text = formatPairs(pairs, this.columns);
    this.isShortened ||= text !== formatPairs(pairs);
    return text;
  }

  formatTime(date: Date | undefined): string {
    if (date === undefined) return '–';
    return this.isFitted ? formatAge(date, this.now) : date.toISOString();
  }

  /** Formats a time that lies so many seconds before `now`. */
  formatAgo(seconds: number | undefined, now: Date): string {
    if (seconds === undefined) return '–';
    const date = new Date(now.getTime() - seconds * 1000);
    return this.isFitted ? formatAge(date, now.getTime()) : date.toISOString();
  }

  /** Puts a short text at the right end of a line, or after it where there is no end. */
  formatTitle(text: string, right: string): string {
    const width = Math.min(this.columns, defaultColumns);
    const gap = width - measureWidth(text) - measureWidth(right);
    if (!this.isFitted) return `${text}  ${right}\n`;
    return gap >= 2
      ? `${text}${' '.repeat(gap)}${right}\n`
      : this.wrap(text, 0) + this.wrap(right, 0);
  }

  /** Breaks a text between words into lines that fit, each with the same indentation. */
  wrap(text: string, indentation: number): string {
    const indent = ' '.repeat(indentation);
    const width = Math.max(20, Math.min(this.columns, 2 * defaultColumns) - indentation);
    // A line end or a terminal's command in a message stays text.
    const shown = removeMarks(escapeControls(text));
    if (!this.isFitted) return `${indent}${shown}\n`;
    const lines: string[] = [];
    let line = '';
    for (const word of shown.split(/ +/)) {
      const longer = line === '' ? word : `${line} ${word}`;
      if (line !== '' && measureWidth(longer) > width) {
        lines.push(line);
        line = word;
      } else line = longer;
    }
    lines.push(line);
    return lines.map((one) => `${indent}${shortenMiddle(one, width)}\n`).join('');
  }

  /** Adds how to see everything, if anything that was formatted is shortened. */
  addHint(text: string): string {
    return this.isShortened ? `${text}\n${hint}` : text;
  }

  private formatTable(
    headings: readonly string[],
    rows: Rows,
    optional: readonly string[],
    paintCell: PaintCell | undefined,
  ): string {
    for (let omitted = 0; ; omitted++) {
      const needed = headings.flatMap((heading, column) =>
        optional.slice(0, omitted).includes(heading) ? [] : [column],
      );
      const pick = (row: readonly string[]): string[] => needed.map((column) => row[column] ?? '');
      const [shownHeadings, shownRows] = [pick(headings), rows.map(pick)];
      const fits = fitsTable(shownHeadings, shownRows, this.columns);
      this.isShortened ||= !fits;
      if (fits || omitted >= optional.length)
        return formatTable(shownHeadings, shownRows, { maxWidth: this.columns, paintCell });
    }
  }
}

/** Formats a time as people say it: `2 min ago`, `in 30 s`. */
export function formatAge(date: Date, now: number): string {
  const seconds = Math.round((now - date.getTime()) / 1000);
  if (!Number.isFinite(seconds)) return '–';
  if (seconds === 0) return 'now';
  const amount = formatAmount(Math.abs(seconds));
  return seconds > 0 ? `${amount} ago` : `in ${amount}`;
}

function formatAmount(seconds: number): string {
  if (seconds < 60) return `${String(seconds)} s`;
  if (seconds < 3_600) return `${String(Math.floor(seconds / 60))} min`;
  if (seconds < 48 * 3_600) return `${String(Math.floor(seconds / 3_600))} h`;
  return `${String(Math.floor(seconds / 86_400))} days`;
}
