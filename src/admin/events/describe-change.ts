import type { OverviewChange } from '../../api/live-events.js';
import type { Overview } from '../../api/overview.js';

const parts = [
  'headline',
  'entries',
  'missing',
  'captures',
  'needs',
  'runs',
  'recent',
] as const satisfies readonly (keyof Overview & keyof OverviewChange)[];

/** All streams compare the same readings. */
const fingerprints = new WeakMap<object, string>();

/** Returns what differs between two readings. Ages do not count: they grow by themselves. */
export function describeChange(before: Overview, now: Overview): OverviewChange {
  const known = new Map(before.hosts.map((host) => [host.id, host]));
  const changed = now.hosts.filter((host) => isChanged(known.get(host.id), host));
  const order = now.hosts.map(({ id }) => id);
  const isReordered = order.join() !== before.hosts.map(({ id }) => id).join();
  return {
    at: now.at,
    id: now.id,
    ...(now.unavailable && { unavailable: now.unavailable }),
    ...Object.fromEntries(
      parts.filter((part) => isChanged(before[part], now[part])).map((part) => [part, now[part]]),
    ),
    ...(changed.length > 0 && { hosts: changed }),
    ...(isReordered && { order }),
  };
}

function isChanged(before: unknown, now: unknown): boolean {
  return fingerprint(before) !== fingerprint(now);
}

function fingerprint(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const known = fingerprints.get(value) ?? JSON.stringify(value, omitAges);
  fingerprints.set(value, known);
  return known;
}

function omitAges(key: string, value: unknown): unknown {
  return /seconds(Ago|Left)?$/i.test(key) ? undefined : value;
}
