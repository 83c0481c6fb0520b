import { escapeControls } from '../model/log.js';
import { paint, removeMarks, type PaintCell } from './colours.js';
import { measureWidth, shortenMiddle } from './text-width.js';

/** The columns between two cells. */
const gap = 2;
/** The least width at which the other columns leave the first one whole. */
const leastWidth = 7;

/**
 * Formats columns two spaces apart under their headings, without spaces at the line ends. Each
 * row takes one line whatever its cells hold.
 * @param maxWidth columns of the terminal: longer cells are shortened in the middle, those of the
 *   first column last, because it names the row
 */
export function formatTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  { maxWidth = Infinity, paintCell }: TableStyle = {},
): string {
  const lines = escapeRows(headings, rows);
  const widths = fitWidths(measureColumns(lines), maxWidth - gap * (headings.length - 1));
  return lines
    .map((line, row) => {
      const cells = line.map((cell, column) => {
        const shown = shortenMiddle(cell, widths[column] ?? 0);
        const colour = row === 0 ? 'dim' : paintCell?.(headings[column] ?? '', cell);
        const isLast = column === line.length - 1;
        const padding = isLast ? 0 : Math.max(0, (widths[column] ?? 0) - measureWidth(shown));
        return (shown === '' ? '' : paint(shown, paintCell && colour)) + ' '.repeat(padding);
      });
      return `${cells.join(' '.repeat(gap)).trimEnd()}\n`;
    })
    .join('');
}

interface TableStyle {
  readonly maxWidth?: number;
  readonly paintCell?: PaintCell | undefined;
}

/** Pads the cells of some columns on the left, so that numbers stand below each other. */
export function alignRight(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  columns: readonly string[],
): { headings: string[]; rows: string[][] } {
  const widths = measureColumns([[...headings], ...rows.map((row) => [...row])]);
  const pad = (row: readonly string[]): string[] =>
    row.map((cell, column) =>
      columns.includes(headings[column] ?? '')
        ? ' '.repeat(Math.max(0, (widths[column] ?? 0) - measureWidth(cell))) + cell
        : cell,
    );
  return { headings: pad(headings), rows: rows.map(pad) };
}

/** Whether every cell of a table fits into `maxWidth` columns as it is. */
export function fitsTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  maxWidth: number,
): boolean {
  const widths = measureColumns(escapeRows(headings, rows));
  return sum(widths) + gap * (headings.length - 1) <= maxWidth;
}

function escapeRows(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
): readonly string[][] {
  return [headings, ...rows].map((row) =>
    headings.map((_, column) => removeMarks(escapeControls(row[column] ?? ''))),
  );
}

function measureColumns(lines: readonly string[][]): number[] {
  return (lines[0] ?? []).map((_, column) =>
    lines.reduce((widest, line) => Math.max(widest, measureWidth(line[column] ?? '')), 0),
  );
}

/** Takes columns from the widest cells until the sum of the widths is at most `available`. */
function fitWidths(widths: readonly number[], available: number): number[] {
  if (sum(widths) <= available) return [...widths];
  const [first = 0, ...others] = widths;
  if (available - first >= leastWidth * others.length)
    return [first, ...limitWidths(others, available - first)];
  return limitWidths(widths, available);
}

function limitWidths(widths: readonly number[], available: number): number[] {
  const limitTo = (limit: number): number[] => widths.map((width) => Math.min(width, limit));
  let limit = Math.min(Math.max(0, ...widths), Math.max(0, available));
  while (limit > 1 && sum(limitTo(limit)) > available) limit--;
  return limitTo(limit);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

/**
 * Formats a name and its value per line, with the values below each other.
 * @param maxWidth columns of the terminal: longer values are shortened in the middle
 */
export function formatPairs(
  pairs: readonly (readonly [name: string, value: string])[],
  maxWidth = Infinity,
): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs
    .map(([name, value]) => {
      const shown = shortenMiddle(removeMarks(escapeControls(value)), maxWidth - width - gap);
      return `${name.padEnd(width)}${' '.repeat(gap)}${shown}`.trimEnd() + '\n';
    })
    .join('');
}

/**
 * Formats CSV as in RFC 4180, but ends lines with a line feed, so that `cut` and `while read` get
 * the last column clean.
 */
export function formatCsv(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const quote = (cell: string): string =>
    /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
  return [headings, ...rows].map((row) => `${row.map(quote).join(',')}\n`).join('');
}
