import type { HostContext } from '../context/host-context.js';
import type { DoctorCheck } from '../api/reports.js';
import type { BackendName } from '../model/backend-name.js';
import { formatDay } from '../model/clock.js';
import type { HistoryAdoption, HistoryState } from '../model/host.js';
import { reportFailed, reportInfo, reportOk, type CheckResult } from './check.js';

/** Unrecorded versions are counted up to this. */
const COUNT_LIMIT = 1_000;

/** Checks how this host records its history and shares it. Nothing with a backend without one. */
export async function checkHistory({
  config,
  registry,
  ledger,
}: Pick<HostContext, 'config' | 'registry'> & {
  readonly ledger: Pick<HostContext['ledger'], 'countUnrecorded'>;
}): Promise<DoctorCheck[]> {
  if (config.backend === 'rsync') return [];
  const { id, history } = registry.me();
  const unrecorded = await ledger.countUnrecorded(id, COUNT_LIMIT);
  return [
    { name: 'history', ...assessHistory(history, unrecorded, config.backend) },
    ...Object.entries(history?.unshared ?? {}).map(([host, { failure, since }]) => ({
      name: `history to ${registry.find(host)?.hostname ?? host}`,
      ...reportFailed(
        `not shared since ${since.toISOString()}: ${failure.message}`,
        'remove the cause; deliveries do not depend on it, and sharing is retried',
      ),
    })),
  ];
}

export function assessHistory(
  history: HistoryState | undefined,
  unrecorded: number,
  backend: BackendName = 'git',
): CheckResult {
  if (history === undefined)
    return reportInfo(
      'the leader of this host has not opened its history yet',
      `start the application with SYNCMEDIA_BACKEND=${backend}, and look into its log`,
    );
  const { failure, failingSince, bytes, oldest, adoption } = history;
  if (failure)
    return reportFailed(
      `nothing is recorded since ${failingSince?.toISOString() ?? 'some time'}, and ` +
        `${describeUnrecorded(unrecorded)}: ${failure.message}`,
      'remove the cause; deliveries do not depend on it, and recording is retried',
    );
  const size = bytes === undefined ? '' : `, ${String(Math.ceil(bytes / 1024 ** 2))} MiB`;
  const since = oldest === undefined ? '' : `, since ${formatDay(oldest)}`;
  const adopted = describeAdoption(adoption);
  if (unrecorded > 0)
    return reportInfo(
      `${describeUnrecorded(unrecorded)}${size}${since}${adopted}`,
      'nothing, if the number falls: versions are recorded while the application runs',
    );
  return reportOk(`every new version is recorded${size}${since}${adopted}`);
}

function describeUnrecorded(count: number): string {
  if (count === 1) return '1 version is not recorded yet';
  return `${count >= COUNT_LIMIT ? 'over ' : ''}${String(count)} versions are not recorded yet`;
}

function describeAdoption(adoption: HistoryAdoption | undefined): string {
  if (adoption === undefined) return '';
  const { files, endedAt, isFull } = adoption;
  if (endedAt === undefined) return `; ${String(files)} existing files are recorded so far`;
  if (isFull)
    return (
      `; ${String(files)} existing files are recorded; the others would take more than half of ` +
      'SYNCMEDIA_HISTORY_MAX_BYTES'
    );
  return files === 0 ? '' : `; ${String(files)} existing files are recorded, too`;
}
