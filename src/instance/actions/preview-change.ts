import { digestHost } from '../../api/describe-host.js';
import type { HostChangePreview } from '../../api/reports.js';
import type { Host } from '../../model/host.js';
import { describeLosses } from './describe-losses.js';
import {
  capCount,
  findLosses,
  maxCount,
  maxSearchMs,
  type HostsReading,
  type LossSources,
} from './find-losses.js';

/** Counts what retiring or pausing a host does to files. @throws TIMED_OUT */
export async function previewHostChange(
  site: LossSources,
  host: Host,
  reading: HostsReading,
): Promise<HostChangePreview> {
  const [lacking, losses] = await Promise.all([
    site.ledger.measureLacking(host.id, maxCount + 1, maxSearchMs),
    findLosses(site, host, reading),
  ]);
  const loses = describeLosses(losses);
  return {
    digest: digestHost(host),
    pending: { ...capCount(lacking.files), bytes: lacking.bytes },
    onlyHere: losses.onlyHere,
    captures: losses.captures,
    ...(loses !== '' && { loses }),
  };
}
