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

const agePattern = /seconds(Ago|Left)?$/i;
/** Ages are whole seconds, so two readings of the same instant may differ by one. */
const toleratedSeconds = 2;

/** Returns what differs between two readings. Ages do not count: they grow by themselves. */
export function describeChange(before: Overview, now: Overview): OverviewChange {
  return describe(before, now, isChanged);
}

/**
 * Returns the differences between two readings, and the parts with an age that did not grow by
 * the time between them: the heartbeat of a host was renewed, or its next try is a later one. Two
 * readings in a row are too close for this, since an age that is renewed each second never stands
 * out.
 */
export function describeRenewed(before: Overview, now: Overview): OverviewChange {
  const seconds = (now.at.getTime() - before.at.getTime()) / 1000;
  return describe(
    before,
    now,
    (older, newer) => isChanged(older, newer) || isRenewed(older, newer, seconds),
  );
}

function describe(
  before: Overview,
  now: Overview,
  isNews: (before: unknown, now: unknown) => boolean,
): OverviewChange {
  const known = new Map(before.hosts.map((host) => [host.id, host]));
  const changed = now.hosts.filter((host) => isNews(known.get(host.id), host));
  const order = now.hosts.map(({ id }) => id);
  const isReordered = order.join() !== before.hosts.map(({ id }) => id).join();
  return {
    at: now.at,
    id: now.id,
    ...(now.unavailable && { unavailable: now.unavailable }),
    ...Object.fromEntries(
      parts.filter((part) => isNews(before[part], now[part])).map((part) => [part, now[part]]),
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
  return agePattern.test(key) ? undefined : value;
}

/** Compares the ages of two values that are the same without them. */
function isRenewed(before: unknown, now: unknown, seconds: number, name = ''): boolean {
  if (isRecord(before) && isRecord(now))
    return Object.keys({ ...before, ...now }).some((key) =>
      isRenewed(before[key], now[key], seconds, key),
    );
  if (!agePattern.test(name)) return false;
  if (typeof before !== 'number' || typeof now !== 'number') return before !== now;
  const expected = Math.max(0, before + seconds * getDirection(name));
  return Math.abs(now - expected) > toleratedSeconds;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** How an age moves by itself while a second passes. */
function getDirection(name: string): number {
  if (name === 'clockOffsetSeconds') return 0;
  return name === 'nextTrySeconds' || name === 'secondsLeft' ? -1 : 1;
}
