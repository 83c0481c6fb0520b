import type { CappedCount, Need } from '../api/overview.js';
import { absenceText, assessAbsence } from '../decisions/assess-absence.js';
import { agree, formatFiles } from '../decisions/explain-host.js';
import { countSeconds, hostLimits } from '../decisions/host-state.js';
import { remedyForUnreadable } from '../hosts/seal.js';
import { getRemedy } from '../model/error-catalogue.js';
import type { Path } from '../model/path.js';
import { formatDuration } from '../util/format-duration.js';
import { capCount, type DescribedHost } from './describe-hosts.js';
import { listCaptureNeeds } from './capture-needs.js';
import { listHistoryNeeds } from './history-needs.js';
import { describeInit, listSetupNeeds } from './setup-needs.js';
import type { SiteReading } from './read-site.js';

/** The most urgent kind first; needs of hosts follow the order of their states. */
const kinds: readonly Need['kind'][] = [
  'host',
  'removals',
  'missing',
  'captures',
  'conflicts',
  'clock',
  'history',
  'unreadable',
  'setup',
];

/** Lists what does not resolve itself, the most urgent first. */
export function listNeeds(reading: SiteReading, described: readonly DescribedHost[]): Need[] {
  const needs = [
    ...described.flatMap((one) => listHostNeeds(one, reading.now)),
    ...listMissing(capCount(reading.missing)),
    ...listCaptureNeeds(reading, described),
    ...listUnreadable(reading),
    ...listSetupNeeds(described),
    ...listLoneHost(reading, described),
  ];
  const urgency = ({ kind }: Need): number => kinds.indexOf(kind);
  // The sort is stable, so the hosts keep their order.
  return needs.sort((a, b) => urgency(a) - urgency(b));
}

function listHostNeeds(one: DescribedHost, now: Date): Need[] {
  return [
    ...listStateNeeds(one, now),
    ...listRemovals(one),
    ...listConflicts(one),
    ...listClock(one),
    ...listHistoryNeeds(one, now),
  ];
}

/** A host that somebody paused is left alone: they know. */
function listStateNeeds({ overview, facts }: DescribedHost, now: Date): Need[] {
  const { hostname, state, approval, since, cause = '', consequence = '', remedy = '' } = overview;
  const absence = assessAbsence(facts);
  const title = absence
    ? `${hostname} has been away for over ${absenceText}`
    : makeStateTitle(overview);
  if (title === undefined || (approval === 'paused' && state !== 'cloned')) return [];
  return [
    {
      id: `host ${state} ${hostname}`,
      kind: 'host',
      host: hostname,
      title,
      cause,
      safe: consequence,
      remedy,
      ...(since && { sinceSeconds: countSeconds(since, now) }),
      action: {
        label: state === 'pending' ? `Compare the key of ${hostname} …` : `Open ${hostname}`,
        view: viewHost(hostname),
      },
      command:
        absence?.command ??
        (state === 'pending' ? `syncmedia approve ${hostname}` : 'syncmedia status --details'),
    },
  ];
}

function makeStateTitle({
  hostname,
  state,
  failures,
  blocked,
}: DescribedHost['overview']): string | undefined {
  switch (state) {
    case 'pending':
      return `${hostname} waits for approval`;
    case 'cloned':
      return `Two machines run as ${hostname}`;
    case 'down':
      return `${hostname} does not answer`;
    case 'blocked':
      return failures[0]
        ? `${failures[0].from} cannot deliver to ${hostname}`
        : `${formatFiles(blocked)} cannot be delivered to ${hostname}`;
    case 'halted':
    case 'filling':
    case 'paused':
    case 'behind':
    case 'up to date':
      return undefined;
  }
}

function listRemovals({ host, overview: { hostname } }: DescribedHost): Need[] {
  return Object.entries(host.halted).flatMap(([dir, { code, message }]): Need[] =>
    code === 'REMOVALS_HALTED'
      ? [
          {
            id: `removals ${hostname} ${dir}`,
            kind: 'removals',
            host: hostname,
            dir: dir as Path,
            title: `Removals in ${dir} wait for a decision`,
            // The rest of the message is the remedy.
            cause: `On ${hostname}, ${message.replace(/: "syncmedia removals approve.*$/s, '')}.`,
            safe: 'No host removes these files until somebody decides.',
            remedy: getRemedy(code),
            action: { label: 'Review the removals …', view: '#/removals' },
            command: 'syncmedia removals',
          },
        ]
      : [],
  );
}

function listConflicts({ overview: { hostname, thisHost, conflicts = 0 } }: DescribedHost): Need[] {
  if (conflicts === 0) return [];
  return [
    {
      id: `conflicts ${hostname}`,
      kind: 'conflicts',
      host: hostname,
      title: `${formatFiles(conflicts)} of ${hostname} ${agree(conflicts)} in conflict`,
      cause:
        `Two versions of a path met on ${hostname}, and neither was known to replace the ` +
        `other.`,
      safe: 'Visitors get the version that won. The other one is kept until somebody decides.',
      remedy: 'Compare both versions, then use the kept one or drop it.',
      action: { label: 'Compare them …', view: '#/conflicts' },
      command: thisHost ? 'syncmedia conflicts' : `syncmedia conflicts --host ${hostname}`,
    },
  ];
}

function listClock({ overview: { hostname, clockOffsetSeconds = 0 } }: DescribedHost): Need[] {
  const seconds = Math.abs(clockOffsetSeconds);
  if (seconds <= hostLimits.skew) return [];
  // Rounded, so that a small change is no news.
  const rounded = seconds < 60 ? Math.ceil(seconds / 5) * 5 : Math.round(seconds);
  const side = clockOffsetSeconds > 0 ? 'ahead of' : 'behind';
  return [
    {
      id: `clock ${hostname}`,
      kind: 'clock',
      host: hostname,
      title: `The clock of ${hostname} is wrong`,
      cause: `It is ${formatDuration(rounded)} ${side} the database's clock.`,
      safe: 'No file is lost by that, since versions are never ordered by clocks. Ages are wrong.',
      remedy: getRemedy('CLOCKS_DIFFER'),
      action: { label: `Open ${hostname}`, view: viewHost(hostname) },
      command: 'syncmedia doctor',
    },
  ];
}

function listMissing({ count, capped }: CappedCount): Need[] {
  if (count === 0) return [];
  return [
    {
      id: 'missing',
      kind: 'missing',
      title: `${capped ? 'Over ' : ''}${formatFiles(count)} ${agree(count)} on no host`,
      cause: 'Hosts captured and held them once, and the last one has lost them since.',
      safe: 'All other files go on.',
      remedy:
        'Restore them from a backup or from `.syncmedia/trash`, or remove the documents that ' +
        'name them.',
      action: { label: 'List them', view: '#/files?missing=true' },
      command: 'syncmedia status --details',
    },
  ];
}

function listUnreadable({ unreadable: { count, newest }, hosts }: SiteReading): Need[] {
  const malformed = hosts.filter(
    ({ unreadable = [], status }) =>
      unreadable.length > 0 && status !== 'retired' && status !== 'pending',
  );
  const needs: Need[] = malformed.map(({ hostname, unreadable = [] }) => ({
    id: `unreadable ${hostname}`,
    kind: 'unreadable',
    host: hostname,
    title: `The row of ${hostname} in the database is malformed`,
    cause: `Fields with values of a wrong type: ${unreadable.join(', ')}.`,
    safe: 'These fields count as left out. Everything else goes on.',
    remedy: capitalise(`${remedyForUnreadable}.`),
    command: 'syncmedia doctor',
  }));
  if (count > 0)
    needs.push({
      id: 'unreadable',
      kind: 'unreadable',
      title:
        `${count.toLocaleString('en')} malformed ${count === 1 ? 'row was' : 'rows were'} ` +
        `set aside`,
      cause: `Something wrote values of a wrong type to ${newest?.collection ?? 'the database'}.`,
      safe: 'Nothing in them was used. The next scan finds the files that they were about.',
      remedy:
        'Find out who writes to the database beside syncmedia, then remove the rows from the ' +
        'collection `unreadable`.',
      command: 'syncmedia doctor',
    });
  return needs;
}

function listLoneHost({ syncDirs }: SiteReading, described: readonly DescribedHost[]): Need[] {
  const [only, ...others] = described;
  if (!only || others.length > 0) return [];
  const { hostname } = only.overview;
  const { rootPath, syncDirs: allowed } = only.host;
  return [
    {
      id: 'setup second host',
      kind: 'setup',
      host: hostname,
      title: `${hostname} is alone`,
      cause: 'There is no second host, so each file exists once.',
      safe: 'A host that joins later gets all files that are there then.',
      remedy: 'Register a second machine: run the command there, with its own directories.',
      command: describeInit(rootPath, allowed.length > 0 ? allowed : syncDirs),
    },
  ];
}

function viewHost(hostname: string): string {
  return `#/hosts/${encodeURIComponent(hostname)}`;
}

function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
