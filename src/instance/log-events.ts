import { getErrorMessage } from '../model/errors.js';
import type { EventBus } from '../model/events.js';
import type { Log } from '../model/log.js';
import type { HostId } from '../model/host.js';
import { LogThrottle } from './log-throttle.js';

/**
 * Logs failures and recoveries, from the same events that status, admin page and metrics use. The
 * same cause is logged at most once a minute per host and code.
 * @returns a function that logs what was suppressed and stops the timers
 */
export function logEvents(
  events: EventBus,
  log: Log,
  nameOf: (host: HostId) => string,
  throttle = new LogThrottle(log),
): () => void {
  const warnOnce = (cause: readonly unknown[], message: string): void => {
    throttle.write('warn', JSON.stringify(cause), message);
  };
  const failing = new Map<HostId, { code: string; message: string }>();
  const makeFailingCause = (host: HostId, code: string): string =>
    JSON.stringify(['failing', host, code]);
  events.on('failed', ({ doing, error }) => {
    const message = getErrorMessage(error);
    const code: unknown = (error as { code?: unknown } | undefined)?.code;
    throttle.write(
      'error',
      JSON.stringify(['failed', doing, code ?? message]),
      `${doing}: ${message}`,
    );
  });
  events.on('failing', ({ host, failure }) => {
    // A failure that repeats at each try is logged once.
    if (failing.get(host)?.message === failure.message) return;
    failing.set(host, failure);
    throttle.write(
      'warn',
      makeFailingCause(host, failure.code),
      `host ${nameOf(host)}: ${failure.code}: ${failure.message}`,
    );
  });
  events.on('recovered', ({ host }) => {
    const { code } = failing.get(host) ?? {};
    failing.delete(host);
    const message = `host ${nameOf(host)} works again`;
    const isCounted =
      code !== undefined && throttle.supersede(makeFailingCause(host, code), message);
    if (!isCounted) log.info(message);
  });
  events.on('blocked', ({ path, host, failure }) => {
    warnOnce(
      ['blocked', host, failure.code],
      `${JSON.stringify(path)} is blocked to host ${nameOf(host)}: ${failure.code}: ` +
        `${failure.message}`,
    );
  });
  const fetchFailures = new Map<HostId, string>();
  events.on('fetchFailed', ({ path, host, failure }) => {
    // Visitors request a file again and again. A host that fails in one way is logged once.
    if (fetchFailures.get(host) === failure.code) return;
    fetchFailures.set(host, failure.code);
    warnOnce(
      ['fetchFailed', host, failure.code],
      `${JSON.stringify(path)} was not fetched from host ${nameOf(host)} for a visitor: ` +
        `${failure.code}: ${failure.message}`,
    );
  });
  events.on('fetched', ({ host }) => {
    fetchFailures.delete(host);
  });
  events.on('halted', ({ dir, failure }) => {
    throttle.write('error', JSON.stringify(['halted', dir, failure.code]), failure.message);
  });
  events.on('conflict', ({ path, host }) => {
    warnOnce(
      ['conflict', host, path],
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
    warnOnce(
      ['overruled', by, path],
      `${JSON.stringify(path)}: ${what}. If the application put it back, call sync.capture() ` +
        `after that, or run "syncmedia trash restore".`,
    );
  });
  events.on('unsyncable', ({ dir, found: { count, examples } }) => {
    const named = examples.map(({ path, why }) => `${JSON.stringify(path)} (${why})`).join(', ');
    const more = count > examples.length ? ' …' : '';
    warnOnce(
      ['unsyncable', dir],
      `${String(count)} names in ${JSON.stringify(dir)} cannot be synced: ${named}${more}`,
    );
  });
  events.on('run', ({ run: { kind, state, requestedBy, endedAt, failure, findings = [] } }) => {
    if (state === 'failed')
      warnOnce(
        ['run', kind, failure?.code],
        `the ${kind} requested by ${requestedBy} failed: ${failure?.message ?? ''}`,
      );
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
      warnOnce(
        ['reload', exitCode],
        `the reload command ended with ${exitCode ?? 'a signal'}: ${output.trim()}`,
      );
  });
  return () => {
    throttle.close();
  };
}
