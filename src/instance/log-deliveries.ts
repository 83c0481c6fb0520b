import type { EventBus, Events } from '../model/events.js';
import { logDebug, type Log } from '../model/log.js';
import type { HostId } from '../model/host.js';

/** Logs a line for each delivery and each fetch, if the log has a method for such details. */
export function logDeliveries(events: EventBus, log: Log, nameOf: (host: HostId) => string): void {
  events.on('outcome', (event) => {
    logDebug(log, () => describeOutcome(event, nameOf));
  });
  events.on('fetched', ({ path, host, bytes, ms }) => {
    logDebug(
      log,
      () =>
        `fetched ${JSON.stringify(path)} from host ${nameOf(host)} for a visitor: ` +
        `${String(bytes)} bytes in ${formatMs(ms)}`,
    );
  });
}

function describeOutcome(
  { host, outcome, ms, savedMs }: Events['outcome'],
  nameOf: (host: HostId) => string,
): string {
  const { change, via, bytes } = outcome;
  const what = `${JSON.stringify(change.path)} to host ${nameOf(host)} by ${via}`;
  if (outcome.result === 'delivered') {
    const after = savedMs === undefined ? '' : `, ${formatMs(savedMs)} after its save`;
    return change.do === 'remove'
      ? `delivered the removal of ${what} in ${formatMs(ms)}${after}`
      : `delivered ${what}: ${String(bytes)} bytes in ${formatMs(ms)}${after}`;
  }
  const why =
    'failure' in outcome
      ? `${outcome.failure.code}: ${outcome.failure.message}`
      : reasons[outcome.result];
  return `did not deliver ${what}: ${why}`;
}

const reasons = {
  kept: 'the file there won',
  changed: 'the file here changed meanwhile',
  vanished: 'the file here is gone',
} as const;

function formatMs(ms: number): string {
  return `${String(Math.max(0, Math.round(ms)))} ms`;
}
