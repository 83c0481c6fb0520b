import { describeRunResult } from '../api/describe-run-result.js';
import type { RecentEvent } from '../api/overview.js';
import type { AuditEntry } from '../api/reports.js';
import { formatFiles } from '../decisions/explain-host.js';
import type { HostId } from '../model/host.js';
import type { Run } from '../model/run.js';
import type { DescribedHost } from './describe-hosts.js';
import type { SiteReading } from './read-site.js';

const maxEvents = 20;
const maxTextLength = 300;

type NameOf = (host: HostId) => string;

/** What the database knows of the last events: runs, changes that people made, rows of hosts. */
export function listRecent(
  { runs, audit }: SiteReading,
  described: readonly DescribedHost[],
  nameOf: NameOf,
): RecentEvent[] {
  const events = [
    ...runs.newest.flatMap((run) => listRunEvents(run, nameOf)),
    ...audit.flatMap((entry) => describeChange(entry, nameOf)),
    ...described.flatMap(listHostEvents),
  ];
  return events
    .sort((a, b) => b.at.getTime() - a.at.getTime())
    .slice(0, maxEvents)
    .map((event) => ({ ...event, text: cutText(event.text) }));
}

function listRunEvents(run: Run, nameOf: NameOf): RecentEvent[] {
  const { kind, dryRun, requestedAt, requestedBy, endedAt, state } = run;
  const host = nameOf(run.at);
  const what = `${kind}${dryRun ? ' (dry run)' : ''}`;
  const events: RecentEvent[] = [
    { at: requestedAt, host, text: `${what} requested by ${requestedBy}` },
  ];
  if (endedAt)
    events.push({ at: endedAt, host, text: `${what} ${state}: ${describeRunResult(run, nameOf)}` });
  return events;
}

function listHostEvents({ facts, overview }: DescribedHost): RecentEvent[] {
  const { hostname: host, state, since, note, blocked } = overview;
  const { createdAt, readyAt } = facts.host;
  const events: RecentEvent[] = [];
  if (createdAt && createdAt.getTime() > 0)
    events.push({ at: createdAt, host, text: 'registered' });
  if (readyAt && !facts.host.passive)
    events.push({ at: readyAt, host, text: 'has all files that it was to get at first' });
  if (state === 'down' && since)
    events.push({ at: since, host, text: `does not answer${note === '' ? '' : ` (${note})`}` });
  if (state === 'blocked' && since)
    events.push({
      at: since,
      host,
      text: blocked > 0 ? `${formatFiles(blocked)} cannot be delivered to it` : note,
    });
  return events;
}

/** Sentences for the calls that the audit log records. Runs have rows of their own. */
const changes: Readonly<Record<string, string>> = {
  'hosts.init': 'registered this machine, or updated its row',
  'hosts.add': 'added a passive host',
  'hosts.edit': 'changed the host',
  'hosts.approve': 'approved the host',
  'hosts.seal': 'renewed the seals',
  'hosts.acceptKeys': 'pinned new host keys of the host',
  'hosts.unregister': 'retired the host',
  'runs.cancel': 'cancelled a run',
  'recoverable.restore': 'restored a kept file',
  'conflicts.restore': 'used the kept version of a conflict',
  'conflicts.discard': 'dropped the kept version of a conflict',
  'removals.decide': 'decided on removals',
  capture: 'captured files',
  remove: 'removed files',
};
const requestsOfRuns: ReadonlySet<string> = new Set(['push', 'pull', 'verify', 'adopt']);

function describeChange(
  { at, by, what, args, host, outcome }: AuditEntry,
  nameOf: NameOf,
): RecentEvent[] {
  if (requestsOfRuns.has(what)) return [];
  const given = readArgs(args);
  const named = what.startsWith('hosts.') && typeof given[0] === 'string' ? given[0] : undefined;
  const name = named ?? (host === undefined ? undefined : nameOf(host));
  const end = outcome === 'done' ? '' : outcome === 'begun' ? ' (under way)' : ` (${outcome})`;
  return [
    {
      at,
      ...(name !== undefined && { host: name.slice(0, 253) }),
      text: `${by} ${describeCall(what, given)}${end}`,
    },
  ];
}

function describeCall(what: string, given: readonly unknown[]): string {
  const change = given[1] as { status?: unknown } | undefined;
  if (what === 'hosts.edit' && change?.status === 'paused') return 'paused the host';
  if (what === 'hosts.edit' && change?.status === 'approved') return 'resumed the host';
  if (what === 'removals.decide' && typeof given[0] === 'string')
    return `${given[1] === 'approved' ? 'approved' : 'rejected'} the removals in ${given[0]}`;
  return (Object.hasOwn(changes, what) ? changes[what] : undefined) ?? `called ${what}`;
}

/** Arguments were cut if they were long, and are no JSON then. */
function readArgs(args: string): readonly unknown[] {
  try {
    const parsed: unknown = JSON.parse(args);
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return [];
  }
}

function cutText(text: string): string {
  return text.length > maxTextLength ? `${text.slice(0, maxTextLength)}…` : text;
}
