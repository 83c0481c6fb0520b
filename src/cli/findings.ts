import type { Run } from '../model/run.js';
import { formatTable } from './table.js';

/**
 * Formats the findings of a verify or an adoption: first the counts of each host, then the paths.
 * An adoption compares with this host's disk, a verify with the ledger.
 */
export function formatFindings(
  { kind, findings = [], pathFindings: foundAt = [] }: Run,
  nameOf: (host: string) => string,
): string {
  if (findings.length === 0) return '';
  const labels =
    kind === 'adopt'
      ? { missing: 'only here', extra: 'only there', different: 'different' }
      : { missing: 'missing', extra: 'extra', different: 'different' };
  const headings = [
    'HOST',
    'SAME',
    labels.missing.toUpperCase(),
    labels.extra.toUpperCase(),
    labels.different.toUpperCase(),
    ...(kind === 'adopt' ? [] : ['REPAIRED']),
  ];
  const rows = findings.map(({ host, same, missing, extra, different, repaired }) => [
    nameOf(host),
    same === undefined ? '–' : String(same),
    String(missing),
    String(extra),
    String(different),
    String(repaired),
  ]);
  return (
    `\n${formatTable(headings, rows)}` +
    (foundAt.length > 0
      ? `\n${formatTable(
          ['HOST', 'FOUND', 'PATH'],
          foundAt.map(({ host, path, finding: is }) => [nameOf(host), labels[is], path]),
        )}`
      : '')
  );
}

/**
 * Whether a verify found missing or different files that were not repaired. Extra files do not
 * count.
 */
export function hasUnrepairedDamage({ kind, findings = [] }: Run): boolean {
  return (
    kind === 'verify' &&
    findings.some(({ missing, different, repaired }) => missing + different > repaired)
  );
}
