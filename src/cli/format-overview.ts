import type { CappedCount, HostOverview, HostStateName, Need, Overview } from '../api/overview.js';
import { hostStates, hostStateWords } from '../model/host-state.js';
import { formatDuration } from '../util/format-duration.js';
import type { Colour, PaintCell } from './colours.js';
import type { Layout } from './layout.js';
import { formatBytes, formatCount } from './progress.js';
import { alignRight } from './table.js';

/** How many needs are printed; the title of the others is in `--json`. */
const maxNeeds = 10;

/** A shape for each state, since colour alone tells nothing to many people. */
const marks = {
  pending: '○',
  cloned: '×',
  down: '×',
  halted: '!',
  blocked: '!',
  filling: '↓',
  paused: '‖',
  behind: '…',
  'up to date': '✓',
} as const satisfies Record<HostStateName, string>;

const colours: Readonly<Record<HostStateName, Colour>> = {
  pending: 'busy',
  cloned: 'bad',
  down: 'bad',
  halted: 'bad',
  blocked: 'bad',
  filling: 'busy',
  paused: 'busy',
  behind: 'busy',
  'up to date': 'good',
};

const headings = ['HOST', 'STATE', 'WAITING', 'SIZE', 'OLDEST', 'DELIVERED', 'NOTE'];

/** Formats the overview: one sentence, a table of the hosts, unfinished runs, and the needs. */
export function formatOverview(overview: Overview, layout: Layout): string {
  const { at, headline, thisHost, hosts, runs, needs, unavailable } = overview;
  const clock = `${at.toISOString().slice(11, 19)} UTC`;
  const table = alignRight(
    headings,
    hosts.map((host) => formatHostRow(host, at, layout)),
    ['WAITING', 'SIZE', 'OLDEST'],
  );
  return (
    layout.formatTitle(headline, thisHost ? `${thisHost.hostname}, ${clock}` : clock) +
    (unavailable ? layout.wrap(`Out of date: ${unavailable.message}`, 0) : '') +
    layout.formatSection(table.headings, table.rows, paintState) +
    layout.formatSection(
      ['RUN', 'ON', 'STATE', 'FILES', 'BY', 'RESULT'],
      runs
        .filter(({ state }) => state === 'requested' || state === 'running')
        .map(({ kind, dryRun, at: host, state, files, filesFound, requestedBy, result }) => [
          dryRun ? `${kind} (dry)` : kind,
          host,
          state,
          `${formatCount(files)} of ${formatCount(filesFound)}`,
          requestedBy,
          result,
        ]),
    ) +
    formatNeeds(needs, layout)
  );
}

const paintState: PaintCell = (heading, cell) =>
  heading === 'STATE'
    ? colours[hostStates.find((one) => describeState(one) === cell) ?? 'up to date']
    : undefined;

function formatHostRow(host: HostOverview, at: Date, layout: Layout): string[] {
  const { hostname, state, pending, oldestSeconds, deliveredSecondsAgo, note } = host;
  return [
    hostname,
    describeState(state),
    pending.count === 0 ? '–' : formatWaiting(pending),
    pending.count === 0 ? '–' : formatBytes(pending.bytes),
    oldestSeconds === undefined ? '–' : formatDuration(oldestSeconds),
    layout.formatAgo(deliveredSecondsAgo, at),
    note,
  ];
}

function describeState(state: HostStateName): string {
  return `${marks[state]} ${hostStateWords[state]}`;
}

function formatNeeds(needs: readonly Need[], layout: Layout): string {
  if (needs.length === 0) return '';
  const shown = needs.slice(0, maxNeeds).map((need) => formatNeed(need, layout));
  const more = needs.length - shown.length;
  const rest = more > 0 ? layout.wrap(`${String(more)} more; --json lists them all.`, 2) : '';
  return `\nNeeds you\n${shown.join('')}${rest}`;
}

function formatNeed(
  { title, cause, safe, remedy, sinceSeconds, command }: Need,
  layout: Layout,
): string {
  const since = sinceSeconds === undefined ? '' : `, for ${formatDuration(sinceSeconds)}`;
  return (
    layout.wrap(`${title}${since}`, 2) +
    layout.wrap([cause, safe, remedy].filter((part) => part !== '').join(' '), 4) +
    (command === undefined ? '' : layout.wrap(command, 4))
  );
}

function formatWaiting({ count, capped }: CappedCount): string {
  return `${capped ? 'over ' : ''}${formatCount(count)}`;
}
