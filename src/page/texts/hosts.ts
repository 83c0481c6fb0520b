import { formatFiles, formatSpan } from '../format.js';
import { plural } from './plural.js';

export const hostTexts = {
  // Host
  noSuchHost: (name: string): string => `No host is called ${name}`,
  noSuchHostMore: 'It may have been renamed or retired.',
  allHosts: 'All hosts',
  sinceWhen: 'Since',
  alsoNeedsYou: 'Also needs you',
  whyAndWhatToDo: 'Why, and what to do',
  reviewRemovals: 'Review the removals',
  facts: {
    waiting: 'Waiting',
    size: 'Size',
    oldest: 'Oldest waits',
    lastDelivery: 'Last delivery',
    nextTry: 'Next try',
    address: 'Address',
    version: 'Version',
    leader: 'Leader',
    history: 'History',
    heartbeat: 'Last heartbeat',
    clock: 'Clock',
    blocked: 'Blocked files',
    conflicts: 'Conflicts',
    unsyncable: 'Names that cannot be synced',
    root: 'Root',
    syncDirs: 'Sync dirs',
    registered: 'Registered',
    ready: 'Complete since',
    ownKey: 'Its key',
    hostKeys: 'Host keys of its sshd',
    changed: 'Changed',
    done: 'Done',
    hosts: 'Hosts',
    took: 'Time',
    restoresTo: 'Files as of',
    pausedBy: 'Paused by',
  },
  unrecorded: (shown: string, count: number): string =>
    count === 0
      ? 'every version is recorded'
      : `${shown} ${plural(count, 'version is', 'versions are')} not recorded yet`,
  passive: 'none: passive',
  noLeader: 'nothing leads it',
  clockOff: (seconds: number): string =>
    Math.abs(seconds) < 0.5
      ? 'right'
      : `${formatSpan(Math.abs(seconds))} ${seconds > 0 ? 'ahead' : 'behind'}`,
  clockWrong: (host: string, span: string, isAhead: boolean): string =>
    `${host}’s clock is ${span} ${isAhead ? 'ahead' : 'behind'}: ages of its saves are wrong ` +
    'by that.',
  deliveredFiles: (files: string, count: number): string =>
    `${files} ${plural(count, 'was', 'were')} delivered`,
  failuresBySender: 'Failures by sender',
  whatWaits: 'What waits',
  oldestOf: (shown: number, all: string): string => `${String(shown)} of ${all}`,
  allThatWaits: 'All that waits',
  reloadTitle: 'Last run of its reload command',
  reloadEnd: (exitCode: number | null): string =>
    exitCode === null
      ? 'It did not start, or was stopped after a minute.'
      : exitCode === 0
        ? 'It succeeded.'
        : `It failed with exit code ${String(exitCode)}.`,
  reloadOutput: 'Its output',
  noOutput: 'It printed nothing.',
  whoItIs: 'Who it is',
  noKey: 'none',
  notYet: 'not yet',
  doSomething: 'Do something',
  examine: 'Examine it',
  actions: {
    push: 'Push',
    pull: 'Pull',
    verify: 'Verify',
    adopt: 'Adopt',
    pause: 'Pause',
    retire: 'Retire',
  },
  test: 'Test connection',
  testAgain: 'Test again',
  testing: 'Connecting …',
  testPassed: 'The connection works',
  passed: 'works',
  failed: 'fails',
  tryNow: 'Try now',
  retried: (count: number): string =>
    count === 0 ? 'Nothing waits for another try' : `${formatFiles(count)} tried again`,

  // Pausing, retiring, approving
  pauseQuestion: (host: string): string => `Pause ${host}?`,
  nothingWaitsNow: (host: string): string => `Nothing waits for ${host} at the moment.`,
  pauseKeepsWaiting: (files: string, bytes: string, count: number): string =>
    `${files} (${bytes}) that ${plural(count, 'waits', 'wait')} now will go on waiting.`,
  pauseThen: (host: string): string =>
    `Whatever is saved meanwhile waits too, and goes to ${host} once it is resumed.`,
  pauseVisitors: 'Its visitors get missing files from other hosts, one by one.',
  pauseReason: 'The reason, for whoever sees it next (optional)',
  pauseIt: (host: string): string => `Pause ${host}`,
  paused: (host: string): string => `${host} is paused`,
  resume: 'Resume',
  resumed: (host: string): string => `${host} is resumed`,
  retireQuestion: (host: string): string => `Retire ${host}?`,
  retireKey: 'Its key leaves every other active host, within about half a minute.',
  retireForgets: (files: string, count: number): string =>
    `${files} that ${plural(count, 'waits', 'wait')} for it ${plural(count, 'is', 'are')} ` +
    `forgotten; other hosts keep ${plural(count, 'it', 'them')}.`,
  retireCaptures: (captures: string, count: number): string =>
    `${captures} ${plural(count, 'save', 'saves')} on it ${plural(count, 'is', 'are')} not in ` +
    'the ledger yet, and will never be.',
  retireLosesNothing: 'Every file that it has is on another host too.',
  retireLoses: (files: string, count: number): string =>
    `${files} ${plural(count, 'is', 'are')} on no other host and would be lost to the site. ` +
    `Pull or push ${plural(count, 'it', 'them')} first.`,
  onlyHere: (host: string): string => `Files that only ${host} has`,
  typeToConfirm: (word: string): string => `Type ${word} to confirm`,
  typeLost: (count: string): string => `Type the number of files that would be lost: ${count}`,
  retireIt: (host: string): string => `Retire ${host}`,
  retired: (host: string): string => `${host} is retired`,
  compareKey: 'Compare its key',
  approveQuestion: (host: string): string => `Approve ${host}?`,
  unsealed:
    'No host of this site wrote this row, or somebody changed it since. Compare every line ' +
    'closely.',
  compareWith: (host: string): string =>
    `Compare the fingerprints with those that ssh-keygen -lf prints on ${host}, for its key and ` +
    `for the host key of its sshd.`,
  approveMeans:
    'It may then read and replace every file of the sync dirs on all hosts, and is filled ' +
    'with those of its own.',
  approveByCommand: 'You may not approve hosts here. On one of the hosts:',
  approveIt: (host: string): string => `Approve ${host}`,
  approved: (host: string): string => `${host} is approved`,
};
