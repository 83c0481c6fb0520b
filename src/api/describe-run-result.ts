import { formatFiles } from '../decisions/explain-host.js';
import type { HostId } from '../model/host.js';
import type { HostFindings, Run } from '../model/run.js';
import { formatDuration } from '../util/format-duration.js';

const maxLength = 200;

/**
 * Describes the result of a run, or how far it is, in one line. The state of the run is shown
 * beside it.
 *
 * @param nameOf returns the hostname of a host
 */
export function describeRunResult(run: Run, nameOf: (host: HostId) => string): string {
  const text = describe(run, nameOf);
  return text.length > maxLength ? `${text.slice(0, maxLength - 1)}…` : text;
}

function describe(run: Run, nameOf: (host: HostId) => string): string {
  const { state, secondsLeft, files } = run;
  switch (state) {
    case 'requested':
      return `waits for ${nameOf(run.at)}`;
    case 'running':
      return secondsLeft === undefined ? 'under way' : `${formatDuration(secondsLeft)} left`;
    case 'cancelled':
      return `after ${formatFiles(files)}`;
    case 'failed':
      return describeFindings(run, nameOf) ?? describeFailures(run, nameOf) ?? '';
    case 'done':
      return describeFindings(run, nameOf) ?? describeFailures(run, nameOf) ?? describeEnd(run);
  }
}

/** What a verification found; undefined for other runs, and if nothing differs. */
function describeFindings(
  { kind, findings = [] }: Run,
  nameOf: (host: HostId) => string,
): string | undefined {
  const found = findings.filter(({ missing, different }) => missing + different > 0);
  return kind === 'verify' && found.length > 0
    ? found.map((one) => describeHostFindings(one, nameOf(one.host))).join('; ')
    : undefined;
}

function describeHostFindings(
  { missing, different, repaired }: HostFindings,
  hostname: string,
): string {
  const counts = [
    [missing, 'missing'],
    [different, 'different'],
    [repaired, 'repaired'],
  ] as const;
  const parts = counts.flatMap(([count, what]) =>
    count > 0 ? [`${count.toLocaleString('en')} ${what}`] : [],
  );
  return `${parts.join(', ')} on ${hostname}`;
}

/** The first of the failures; the code alone would say too little. */
function describeFailures(
  { failures, failure }: Run,
  nameOf: (host: HostId) => string,
): string | undefined {
  const [first, ...others] = failures;
  if (!first) return failure?.message;
  const more = others.length > 0 ? ` and ${others.length.toLocaleString('en')} more` : '';
  return `${nameOf(first.host)}${more}: ${first.failure.message}`;
}

function describeEnd({ kind, dryRun, filesFound, files }: Run): string {
  if (kind === 'verify') return 'nothing differs';
  const verb = kind === 'adopt' ? 'adopt' : 'transfer';
  return dryRun ? `would ${verb} ${formatFiles(filesFound)}` : formatFiles(files);
}
