import { getErrorMessage } from '../model/errors.js';
import type { EventBus } from '../model/events.js';
import type { Log } from '../model/log.js';
import type { HostId } from '../model/words.js';

/** Logs failures and recoveries, from the same events that status, admin page and metrics use. */
export function logEvents(events: EventBus, log: Log, nameOf: (host: HostId) => string): void {
  const failing = new Map<HostId, string>();
  events.on('failed', ({ doing, error }) => {
    log.error(`${doing}: ${getErrorMessage(error)}`);
  });
  events.on('failing', ({ host, failure }) => {
    // A failure that repeats at each try is logged once.
    if (failing.get(host) === failure.message) return;
    failing.set(host, failure.message);
    log.warn(`host ${nameOf(host)}: ${failure.code}: ${failure.message}`);
  });
  events.on('recovered', ({ host }) => {
    failing.delete(host);
    log.info(`host ${nameOf(host)} works again`);
  });
  events.on('blocked', ({ path, host, failure }) => {
    log.warn(
      `${JSON.stringify(path)} is blocked to host ${nameOf(host)}: ${failure.code}: ` +
        `${failure.message}`,
    );
  });
  const fetchFailures = new Map<HostId, string>();
  events.on('fetchFailed', ({ path, host, failure }) => {
    // Visitors request a file again and again. A host that fails in one way is logged once.
    if (fetchFailures.get(host) === failure.code) return;
    fetchFailures.set(host, failure.code);
    log.warn(
      `${JSON.stringify(path)} was not fetched from host ${nameOf(host)} for a visitor: ` +
        `${failure.code}: ${failure.message}`,
    );
  });
  events.on('fetched', ({ host }) => {
    fetchFailures.delete(host);
  });
  events.on('halted', ({ failure }) => {
    log.error(failure.message);
  });
  events.on('conflict', ({ path, host }) => {
    log.warn(
      `${JSON.stringify(path)}: another version was kept in .syncmedia/conflicts on host ` +
        `${nameOf(host)}`,
    );
  });
  events.on('overruled', ({ path, by }) => {
    const what =
      by === 'delete'
        ? 'a deleted file is back, and no document names it: it was moved to .syncmedia/trash'
        : 'an older version is back, and no save names it: the newer one is delivered again, ' +
          'and the older one is moved to .syncmedia/trash';
    log.warn(
      `${JSON.stringify(path)}: ${what}. If the application put it back, call sync.capture() ` +
        `after that, or run "syncmedia trash restore".`,
    );
  });
  events.on('unsyncable', ({ dir, found: { count, examples } }) => {
    log.warn(
      `${String(count)} names in ${JSON.stringify(dir)} cannot be synced: ` +
        `${examples.map(({ path, why }) => `${JSON.stringify(path)} (${why})`).join(', ')}${count > examples.length ? ' …' : ''}`,
    );
  });
  events.on('run', ({ run: { kind, state, requestedBy, endedAt, failure, findings = [] } }) => {
    if (state === 'failed')
      log.warn(`the ${kind} requested by ${requestedBy} failed: ${failure?.message ?? ''}`);
    if (kind !== 'verify' || !endedAt) return;
    for (const { host, missing, different, repaired } of findings) {
      if (missing + different === 0) continue;
      log.warn(
        `verify: host ${nameOf(host)}: ${missing} missing, ${different} different; ${repaired} ` +
          `repaired`,
      );
    }
  });
  events.on('reloaded', ({ exitCode, output }) => {
    if (exitCode !== 0)
      log.warn(`the reload command ended with ${exitCode ?? 'a signal'}: ${output.trim()}`);
  });
}
