import { escapeControls } from './screen.js';

/**
 * Formats columns two spaces apart under their headings, without spaces at the line ends. Each
 * row takes one line whatever its cells hold.
 */
export function formatTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const lines = [headings, ...rows].map((row) =>
    headings.map((_, column) => escapeControls(row[column] ?? '')),
  );
  const widths = headings.map((_, column) =>
    Math.max(...lines.map((line) => countCodePoints(line[column] ?? ''))),
  );
  return lines
    .map(
      (line) =>
        `${line
          .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - countCodePoints(cell)))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

/** Formats a name and its value per line, with the values below each other. */
export function formatPairs(pairs: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs
    .map(([name, value]) => `${name.padEnd(width)}  ${escapeControls(value)}`.trimEnd() + '\n')
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

/** Counts code points. Characters that a terminal shows in another width shift the columns. */
function countCodePoints(text: string): number {
  return [...text].length;
}
