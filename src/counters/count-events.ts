import type { EventBus, Events } from '../model/events.js';
import { encodeFieldName } from '../hosts/host-model.js';
import { durationBounds, type DeliveryPath } from './counter-row.js';
import type { Tally } from './counter-sums.js';

/** The path of a delivery by the program or protocol that carried it. */
const pathOf: Readonly<Record<string, DeliveryPath>> = {
  sftp: 'express',
  rsync: 'rsync',
  git: 'git',
};

/**
 * Counts what the events of a process say.
 *
 * @param onCount called after each count
 * @returns a function that ends the counting
 */
export function countEvents(events: EventBus, tally: Tally, onCount: () => void): () => void {
  const stops = [
    events.on('outcome', (event) => {
      countOutcome(tally, event);
      onCount();
    }),
    events.on('read', ({ outcome }) => {
      tally.add(`reads.${outcome}`);
      onCount();
    }),
    events.on('run', ({ run: { kind, state, endedAt } }) => {
      if (!endedAt) return;
      tally.add(`runs.${kind}.${state}`);
      onCount();
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

function countOutcome(tally: Tally, { host, outcome, ms, savedMs }: Events['outcome']): void {
  const to = `to.${encodeFieldName(host)}`;
  const path = pathOf[outcome.via] ?? 'rsync';
  tally.add(`${to}.deliveries.${path}.${outcome.result}`);
  if (outcome.result !== 'delivered') return;
  tally.addDelivered(host);
  if (outcome.bytes > 0) tally.add(`${to}.bytes.${path}`, outcome.bytes);
  addDuration(tally, `${to}.duration`, ms);
  if (savedMs !== undefined) addDuration(tally, `${to}.saveToHost`, savedMs);
}

/** A clock that was set back makes no duration negative. */
function addDuration(tally: Tally, field: string, ms: number): void {
  const whole = Math.max(0, Math.round(ms));
  const bound = durationBounds.findIndex((seconds) => whole <= seconds * 1000);
  tally.add(`${field}.buckets.${String(bound < 0 ? durationBounds.length : bound)}`);
  tally.add(`${field}.ms`, whole);
}
