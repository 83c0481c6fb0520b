import type { HostContext } from '../context/host-context.js';
import type { DoctorCheck } from '../api/reports.js';
import type { Host } from '../model/host.js';
import { reportFailed, reportInfo, reportOk, type CheckResult } from './check.js';

/** Checks how this host records its history and shares it. Nothing with a backend without one. */
export function checkHistory({
  config,
  registry,
}: Pick<HostContext, 'config' | 'registry'>): DoctorCheck[] {
  if (config.backend === 'rsync') return [];
  const { history } = registry.me();
  return [
    { name: 'history', ...assessHistory(history) },
    ...Object.entries(history?.unshared ?? {}).map(([id, { failure, since }]) => ({
      name: `history to ${registry.find(id)?.hostname ?? id}`,
      ...reportFailed(
        `not shared since ${since.toISOString()}: ${failure.message}`,
        'remove the cause; deliveries do not depend on it, and sharing is retried',
      ),
    })),
  ];
}

export function assessHistory(history: Host['history']): CheckResult {
  if (history === undefined)
    return reportInfo(
      'the leader of this host has not opened its history yet',
      'start the application with SYNCMEDIA_BACKEND=git, and look into its log',
    );
  const { failure, failingSince, bytes, oldest } = history;
  if (failure)
    return reportFailed(
      `nothing is recorded since ${failingSince?.toISOString() ?? 'some time'}: ${failure.message}`,
      'remove the cause; deliveries do not depend on it, and recording is retried',
    );
  const size = bytes === undefined ? '' : `, ${String(Math.ceil(bytes / 1024 ** 2))} MiB`;
  const since = oldest === undefined ? '' : `, since ${oldest.toISOString().slice(0, 10)}`;
  return reportOk(`every version is recorded${size}${since}`);
}
