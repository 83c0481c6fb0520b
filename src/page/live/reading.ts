import type { WireChange, WireHost, WireOverview } from '../wire.js';

/** An overview, and when this page received it by its own clock, in ms; ages count on then. */
export interface Reading {
  readonly overview: WireOverview;
  readonly readAt: number;
}

/**
 * Applies a change to an overview. The parts that did not change get older by the time between
 * the two readings, so that all ages belong to the newer one.
 */
export function mergeChange(overview: WireOverview, change: WireChange): WireOverview {
  const { order, hosts: changed = [], ...parts } = change;
  const seconds = Math.max(0, (Date.parse(change.at) - Date.parse(overview.at)) / 1000);
  const newest = new Map<string, WireHost>();
  for (const host of overview.hosts) newest.set(host.id, ageHost(host, seconds));
  for (const host of changed) newest.set(host.id, host);
  const ids = order ?? [...newest.keys()];
  const older = {
    needs: overview.needs.map((need) => ({ ...need, ...add(need, 'sinceSeconds', seconds) })),
    runs: overview.runs.map((run) => ({
      ...run,
      ...add(run, 'requestedSecondsAgo', seconds),
      ...add(run, 'endedSecondsAgo', seconds),
      ...add(run, 'secondsLeft', -seconds),
    })),
    captures: { ...overview.captures, ...add(overview.captures, 'oldestSeconds', seconds) },
  };
  const { unavailable: _, ...before } = overview;
  return {
    ...before,
    ...older,
    ...parts,
    hosts: ids.flatMap((id) => newest.get(id) ?? []),
  };
}

function ageHost(host: WireHost, seconds: number): WireHost {
  return {
    ...host,
    ...add(host, 'oldestSeconds', seconds),
    ...add(host, 'deliveredSecondsAgo', seconds),
    ...add(host, 'heartbeatSecondsAgo', seconds),
    ...add(host, 'nextTrySeconds', -seconds),
    failures: host.failures.map((failure) => ({
      ...failure,
      ...add(failure, 'sinceSeconds', seconds),
      ...add(failure, 'nextTrySeconds', -seconds),
    })),
  };
}

/** The one field, if the object has it, moved by some seconds; no time left is never negative. */
function add<T extends object, K extends keyof T>(
  object: T,
  name: K,
  seconds: number,
): Pick<T, K> | undefined {
  const value: unknown = object[name];
  if (typeof value !== 'number') return undefined;
  return { [name]: Math.max(0, value + seconds) } as Pick<T, K>;
}
