import { readFileSync } from 'node:fs';

/**
 * The operations that docs/captured-operations.md lists under a heading: the first cell of each
 * row.
 */
export function listDocumented(heading: string): string[] {
  const text = readFileSync(new URL('../../docs/captured-operations.md', import.meta.url), 'utf8');
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  const rows = section
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => (line.split('|')[1] ?? '').trim().replaceAll('`', ''));
  return rows.filter((name) => name !== 'operation');
}
