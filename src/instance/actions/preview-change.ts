import { digestHost } from '../../api/describe-host.js';
import type { CappedCount } from '../../api/overview.js';
import type { HostChangePreview } from '../../api/reports.js';
import type { ShownHost } from '../../api/requests.js';
import type { Outbox } from '../../capture/outbox.js';
import { makeHostChangedError } from '../../hosts/approve.js';
import type { Ledger } from '../../ledger/ledger.js';
import { SyncMediaError } from '../../model/errors.js';
import type { Host } from '../../model/host.js';

const maxCount = 10_000,
  maxPaths = 50;
/** In milliseconds. Which files only one host has is found by reading every entry. */
const maxSearchMs = 10_000;

/** Counts what retiring or pausing a host does to files. @throws TIMED_OUT */
export async function previewHostChange(
  host: Host,
  ledger: Ledger,
  outbox: Outbox | undefined,
): Promise<HostChangePreview> {
  const [lacking, onlyHere, captures] = await Promise.all([
    ledger.measureLacking(host.id, maxCount + 1, maxSearchMs),
    ledger.findHeldOnlyBy(host.id, maxCount + 1, maxPaths, maxSearchMs),
    outbox?.count(host.id, maxCount + 1) ?? 0,
  ]);
  return {
    digest: digestHost(host),
    pending: { ...capCount(lacking.files), bytes: lacking.bytes },
    onlyHere: { ...capCount(onlyHere.count), paths: onlyHere.paths },
    captures: capCount(captures),
  };
}

/**
 * Requires that a host is still as it was shown before somebody decided to retire it.
 * @throws HOST_CHANGED, CHANGED
 */
export async function requireAsShown(
  host: Host,
  { digest, onlyHere }: ShownHost,
  ledger: Ledger,
): Promise<void> {
  if (digest !== undefined && digest !== digestHost(host)) throw makeHostChangedError(host);
  if (onlyHere === undefined) return;
  const { count } = await ledger.findHeldOnlyBy(host.id, maxCount + 1, 0, maxSearchMs);
  if (capCount(count).count !== onlyHere)
    throw new SyncMediaError(
      'CHANGED',
      `${host.hostname} now has ${describeCount(count)} that no other host has, and not ` +
        `${String(onlyHere)}: look at them again, then decide`,
    );
}

function describeCount(count: number): string {
  return count > maxCount ? `over ${String(maxCount)} files` : `${String(count)} files`;
}

function capCount(count: number): CappedCount {
  return { count: Math.min(count, maxCount), capped: count > maxCount };
}
