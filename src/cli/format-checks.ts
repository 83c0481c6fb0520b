import type { InitReport } from '../api/reports.js';
import { formatTable } from './table.js';

/** Formats checks of `init` or of a host as a table, each failure with its remedy. */
export function formatChecks(checks: InitReport['checks']): string {
  return formatTable(
    ['CHECK', 'RESULT', ''],
    checks.map(({ name, ok, message, remedy }) => [
      name,
      ok ? 'ok' : 'FAILED',
      remedy === undefined ? message : `${message} → ${remedy}`,
    ]),
  );
}
