import { escapeControls } from './screen.js';

/** Columns two spaces apart under their headings, nothing at the line ends; one line per row whatever the cells hold. */
export function formatTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headings, ...rows].map((row) => headings.map((_, column) => escapeControls(row[column] ?? '')));
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => lengthOf(line[column] ?? ''))));
  return lines.map((line) => `${line.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - lengthOf(cell))).join('  ').trimEnd()}\n`).join('');
}

/** A name and its value per line, the values below each other. */
export function formatPairs(pairs: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${name.padEnd(width)}  ${escapeControls(value)}`.trimEnd() + '\n').join('');
}

/** RFC 4180, with a line feed at the line ends so that `cut` and `while read` get the last column clean. */
export function formatCsv(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const quote = (cell: string): string => /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
  return [headings, ...rows].map((row) => `${row.map(quote).join(',')}\n`).join('');
}

/** Code points: what lies in another width on some terminals is off by as much. */
function lengthOf(text: string): number {
  return [...text].length;
}
