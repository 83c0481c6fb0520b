import type { HostStateName } from '../../api/overview.js';
import { formatFiles, formatNumber } from '../format.js';
import { plural } from './plural.js';
import { stateTexts } from './states.js';

export const overviewTexts = {
  needsYou: 'Needs you',
  hosts: 'Hosts',
  hostsListed: (count: number): string => `${formatNumber(count)}, the most urgent first`,
  filterHosts: 'Filter by name or note',
  noHostMatches: 'No host matches.',
  groupOf: (count: number, state: HostStateName): string =>
    state === 'down'
      ? `${formatNumber(count)} ${plural(count, 'does', 'do')} not answer`
      : state === 'pending'
        ? `${formatNumber(count)} ${plural(count, 'waits', 'wait')} for approval`
        : state === 'cloned'
          ? `${formatNumber(count)} ${plural(count, 'runs', 'run')} twice`
          : `${formatNumber(count)} ${stateTexts.states[state]}`,
  waitFor: (count: number): string => plural(count, 'waits for', 'wait for'),
  forHost: 'for',
  andOtherHosts: (count: number): string =>
    `some for ${formatNumber(count)} other ${plural(count, 'host', 'hosts')}`,
  entriesKnown: (entries: number, complete: number, hosts: number): string => {
    const files = `about ${formatFiles(entries)}`;
    if (complete === hosts)
      return hosts === 1
        ? `It holds ${files}.`
        : `All ${formatNumber(hosts)} hosts have all of ${files}.`;
    return complete === 0
      ? `The site has ${files}.`
      : `${formatNumber(complete)} ${plural(complete, 'host has', 'hosts have')} all of ${files}.`;
  },
  nowhere: (files: string, count: number): string =>
    `${files} ${plural(count, 'is', 'are')} on no host.`,
  capturesWait: (count: string): string => `${count} saves are not processed yet.`,
  deliveriesOf: (counts: readonly number[]): string => {
    const all = counts.reduce((sum, count) => sum + count, 0);
    const isQuiet = all > 0 && counts.slice(-3).every((count) => count === 0);
    return `${formatFiles(all)} in the last hour${isQuiet ? ', none in the last 9 minutes' : ''}`;
  },
  runs: 'Runs',
  runsUnderWay: 'Runs under way',
  noRuns: 'No run was requested yet.',
  lately: 'Lately',
  nothingLately: 'Nothing happened lately.',
  noHostTitle: 'No machine is registered yet',
  noHost: 'On the one that has the files, in the directory of the application:',
  noHostThen: 'This page shows the host once it is registered. Then do the same on the others.',
  initCommand: 'npx syncmedia init --root "$PWD" --generate',
};
