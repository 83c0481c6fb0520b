import { createHash } from 'node:crypto';
import type { HostOverview, Overview } from '../api/overview.js';
import type { HostId } from '../model/host.js';
import { restoreNames } from '../hosts/unregister.js';
import { listCaptureAges } from './capture-needs.js';
import { nameHost } from '../decisions/senders.js';
import { capCount, describeHosts } from './describe-hosts.js';
import { listNeeds } from './list-needs.js';
import { listRecent } from './list-recent.js';
import { makeHeadline } from './make-headline.js';
import type { SiteReading } from './read-site.js';
import { summariseRuns } from './summarise-runs.js';

/** Makes the overview from one reading. Pure but for the hash. */
export function createOverview(reading: SiteReading): Overview {
  const { now, me, entries, captures } = reading;
  const described = describeHosts(reading);
  const hosts = described.map(({ overview }) => overview);
  const names = new Map(
    reading.hosts.map((host) => [
      host.id,
      nameHost(host.status === 'retired' ? restoreNames(host) : host),
    ]),
  );
  const nameOf = (id: HostId): string => names.get(id) ?? id;
  const missing = capCount(reading.missing);
  const needs = listNeeds(reading, described);
  const oldest = [...listCaptureAges(reading).values()];
  const overview = {
    at: now,
    headline: makeHeadline(hosts, missing, needs),
    thisHost: { id: me, hostname: nameOf(me) },
    entries,
    missing,
    captures: {
      count: capCount(captures.count),
      ...(oldest.length > 0 && { oldestSeconds: Math.max(...oldest) }),
    },
    hosts,
    needs,
    runs: summariseRuns(reading, nameOf),
    recent: listRecent(reading, described, nameOf),
  };
  const instants = described.map((host) => host.instants);
  return { ...overview, id: digestOverview(overview, instants) };
}

/**
 * Hashes an overview without its ages, which change by themselves, but with the instants from which
 * they count.
 */
function digestOverview(overview: Omit<Overview, 'id'>, instants: unknown): string {
  const text = JSON.stringify({ ...overview, at: undefined, instants }, (name, value: unknown) =>
    isVolatile(name) ? undefined : value,
  );
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}

const volatileNames: ReadonlySet<string> = new Set<keyof HostOverview | 'unavailable'>([
  'clockOffsetSeconds',
  'unavailable',
]);

/** Every age has `econds` in its name: `oldestSeconds`, `secondsLeft`, `deliveredSecondsAgo`. */
function isVolatile(name: string): boolean {
  return volatileNames.has(name) || /seconds/i.test(name);
}
