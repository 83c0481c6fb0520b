import { getErrorMessage } from '../model/errors.js';
import type { EventBus } from '../model/events.js';
import type { Log } from '../model/log.js';
import type { HostId } from '../model/host.js';
import { BlockedPaths } from './blocked-paths.js';
import { describeNextTry, describeProblem } from './describe-problem.js';
import { logDeliveries } from './log-deliveries.js';
import { LogThrottle } from './log-throttle.js';

/**
 * Logs problems and their ends, from the same events that status, admin page and metrics use: one
 * warning when a problem begins, one line when it ends. A problem that comes and goes is logged at
 * most once a minute.
 * @returns a function that logs the suppressed counts and stops the timers
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
  logDeliveries(events, log, nameOf);
  const failing = new Map<HostId, string>();
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
  events.on('failing', ({ host, failure, nextTryAt }) => {
    // A failure that repeats at each try is logged once, although its words may change.
    if (failing.get(host) === failure.code) return;
    failing.set(host, failure.code);
    throttle.write(
      'warn',
      makeFailingCause(host, failure.code),
      `host ${nameOf(host)}: ${describeProblem(failure, describeNextTry(nextTryAt))}`,
    );
  });
  events.on('recovered', ({ host }) => {
    const code = failing.get(host);
    failing.delete(host);
    const message = `host ${nameOf(host)} works again`;
    const isCounted =
      code !== undefined && throttle.supersede(makeFailingCause(host, code), message);
    if (!isCounted) log.info(message);
  });
  const blockedPaths = new BlockedPaths();
  const makeBlockedCause = (host: HostId, code: string): string =>
    JSON.stringify(['blocked', host, code]);
  events.on('blocked', ({ path, host, failure, nextTryAt }) => {
    if (!blockedPaths.add(host, path, failure.code)) return;
    throttle.write(
      'warn',
      makeBlockedCause(host, failure.code),
      `${JSON.stringify(path)} is blocked to host ${nameOf(host)}: ` +
        describeProblem(failure, describeNextTry(nextTryAt)),
    );
  });
  // Another process delivers now, and would not tell this one that the problems ended.
  events.on('lease', ({ held }) => {
    if (held) return;
    failing.clear();
    blockedPaths.clear();
  });
  events.on('outcome', ({ host, outcome }) => {
    if (outcome.result !== 'delivered') return;
    const code = blockedPaths.remove(host, outcome.change.path);
    if (code === undefined) return;
    const message =
      `${JSON.stringify(outcome.change.path)} has reached host ${nameOf(host)}: nothing is ` +
      `blocked there by ${code} any more`;
    if (!throttle.supersede(makeBlockedCause(host, code), message)) log.info(message);
  });
  const fetchFailures = new Map<HostId, string>();
  const makeFetchCause = (host: HostId, code: string): string =>
    JSON.stringify(['fetchFailed', host, code]);
  events.on('fetchFailed', ({ path, host, failure }) => {
    // Visitors request a file again and again. A host that fails in one way is logged once.
    if (fetchFailures.get(host) === failure.code) return;
    fetchFailures.set(host, failure.code);
    throttle.write(
      'warn',
      makeFetchCause(host, failure.code),
      `${JSON.stringify(path)} was not fetched from host ${nameOf(host)} for a visitor: ` +
        describeProblem(failure, 'with the next request'),
    );
  });
  events.on('fetched', ({ host }) => {
    const code = fetchFailures.get(host);
    if (code === undefined) return;
    fetchFailures.delete(host);
    const message = `visitors get files from host ${nameOf(host)} again`;
    if (!throttle.supersede(makeFetchCause(host, code), message)) log.info(message);
  });
  events.on('halted', ({ dir, failure }) => {
    throttle.write(
      'error',
      JSON.stringify(['halted', dir, failure.code]),
      `${failure.code}: ${failure.message}`,
    );
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
