import type { RecoverableFile } from '../api/reports.js';
import type { Layout } from './layout.js';
import { formatBytes } from './progress.js';

/**
 * Formats conflicts as a table, with the command that decides on them. On a terminal `KEPT AS` is
 * left out if it does not fit.
 */
export function formatConflictTable(files: readonly RecoverableFile[], layout: Layout): string {
  const table = layout.formatList(
    'conflicts',
    ['FILE', 'KEPT ON', 'SINCE', 'SIZE', 'CURRENT', 'WHY', 'KEPT AS'],
    files.map(({ path, host, at, size, current, why = '', keptAs }) => [
      path,
      host,
      layout.formatTime(at),
      formatBytes(size),
      current ? formatBytes(current.size) : 'none',
      why,
      keptAs,
    ]),
    ['KEPT AS'],
  );
  return layout.addHint(
    files.length === 0 ? table : `${table}Decide: syncmedia conflicts use|drop PATH --host HOST\n`,
  );
}
