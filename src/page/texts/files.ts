import { formatClock, formatFiles, formatList, formatNumber } from '../format.js';
import { plural } from './plural.js';

export const fileTexts = {
  // Files
  whereIsAFile: 'Where is a file?',
  whereIsAFileMore:
    'A path, an address as visitors see it, part of a name, or a document by model and id.',
  fileOrDocument: 'File or document',
  find: 'Find',
  filesFound: (count: number, isMore: boolean): string =>
    isMore ? `the first ${formatFiles(count)}` : formatFiles(count),
  noSuchFile: 'No save has named such a file. It may exist on a disk all the same.',
  notSynced: (message: string): string => `No save has named such a file: ${message}.`,
  nothingPending: 'Nothing waits there now.',
  nothingBlocked: 'Nothing is blocked there now.',
  nothingMissing: 'Every file that the ledger knows is on some host.',
  notEverywhere: 'What is not everywhere',
  pendingOn: (host: string): string => `Waits for ${host}`,
  blockedOn: (host: string): string => `Blocked on ${host}`,
  missingFiles: 'Files that no host has',
  blockedFiles: (count: number, host: string): string => `${formatFiles(count)} blocked on ${host}`,
  filesOnNoHost: (files: string): string => `${files} on no host`,
  otherHosts: (count: number): string =>
    count === 0 ? 'Others' : `${formatNumber(count)} ${plural(count, 'other', 'others')}`,
  moreLack: (count: number): string => `${formatNumber(count)} more`,
  lackedBy: (count: number): string =>
    count === 0 ? '–' : `${formatNumber(count)} ${plural(count, 'host lacks', 'hosts lack')} it`,
  whyNot: 'Why not',
  deleted: 'deleted',
  savedOn: 'saved on',
  by: 'by',
  captured: (hosts: readonly string[]): string =>
    `A newer save on ${formatList(hosts)} is not in the ledger yet.`,
  isBlocked: 'cannot get',
  waitsFor: 'waits for',
  thisFile: 'this file',
  ofThem: (count: number): string => `${formatNumber(count)} of them`,
  onItsWay: 'It is on its way.',
  triedAgain: 'It is tried again by itself.',
  triedAgainAt: (iso: string): string => `It is tried again by itself at ${formatClock(iso)}.`,

  // Versions
  versions: 'Versions',
  versionsOf: (path: string): string => `Versions of ${path}`,
  versionsKnown: (count: number): string =>
    count === 100 ? 'the newest 100' : formatNumber(count),
  noVersions: 'The history has no version of this file.',
  saveFile: 'Save',
  saveVersion: (when: string): string => `Save the version of ${when}`,
  look: 'Look',
  lookAtVersion: (when: string): string => `Look at the version of ${when}`,
  restoreVersion: (when: string): string => `Restore the version of ${when}`,
  versionFrom: (when: string): string => `The version of ${when}`,
  restoreVersionQuestion: 'Restore this version?',
  versionThen: (when: string, size: string, hosts: number): string =>
    `The version of ${when} (${size}) becomes a new version on ` +
    `${hosts === 1 ? 'this host' : `all ${formatNumber(hosts)} hosts`}.`,
  isCurrentVersion: 'The file that is there now has these bytes already: nothing is to do.',
  fromTrash: 'The history knows its hash only: the bytes come from the trash of this host.',

  fromAnotherHost:
    'This host knows its hash only: the bytes are fetched from another host that keeps them.',

  // Removals
  noRemovals: 'No removals wait',
  removalsTitle: 'Removals wait for a yes or no',
  removalsMore:
    'Very many files of a sync dir were deleted at once, which may be an accident. The other ' +
    'hosts keep them until you decide.',
  on: 'on',
  removalsFound: (files: string, share: string | undefined): string =>
    `${files} ${share === undefined ? '' : `(${share} of the directory) `}are gone there.`,
  removalPaths: (dir: string, host: string): string =>
    `Files of ${dir} that would be removed by ${host}`,
  keepFiles: 'Keep the files',
  removeEverywhere: 'Remove them everywhere',
  removalsGone: 'No removals wait there any more. Somebody else has decided.',
  removeQuestion: (files: string | undefined, dir: string): string =>
    `Remove ${files ?? 'the files'} of ${dir}?`,
  removeThen: (hosts: number): string =>
    `On all ${formatNumber(hosts)} hosts they go to the trash, for 30 days.`,
  leaveWaiting: '“Leave it” keeps them waiting.',
  removeIt: (files: string | undefined): string => `Remove ${files ?? 'them'}`,
  removed: (dir: string): string => `The removals of ${dir} go on`,
  keepQuestion: (dir: string): string => `Keep the files of ${dir}?`,
  keepThen: 'The removals are dropped: every other host keeps its files.',
  keepReturns: (host: string): string => `${host} gets its files back from the others.`,
  keepIt: 'Keep the files',
  kept: (dir: string): string => `The files of ${dir} are kept`,

  // Conflicts and trash
  noConflicts: 'No conflicts',
  conflictsTitle: (count: number): string =>
    count === 1 ? 'One file has a second version' : `${formatFiles(count)} have a second version`,
  conflictsMore:
    'Visitors get the current version. The other one was kept aside on one host: nothing ' +
    'happens to it until you decide, and that is never urgent.',
  conflictsOf: (host: string): string => `Conflicts of ${host}`,
  noConflictsOn: (host: string): string => `${host} has kept nothing aside.`,
  keptAside: 'It lost against another version.',
  keptOn: 'Kept aside on',
  identical: 'Both have the same bytes.',
  currentVersion: 'Current: visitors get it',
  keptVersion: (host: string): string => `Kept aside on ${host}`,
  noFileThere: 'There is no file at this path now.',
  preview: 'Preview',
  useThis: 'Use this one',
  letGo: 'Let it go',
  useQuestion: 'Use the version that was kept aside?',
  letGoQuestion: 'Let the kept version go?',
  useThen: (host: string, size: string, hosts: number): string =>
    `The version that ${host} kept (${size}) becomes the file on all ${formatNumber(hosts)} hosts.`,
  currentToTrash: (size: string): string =>
    `The current one${size === '' ? '' : ` (${size})`} goes to the trash of each host, for 30 ` +
    'days.',
  letGoThen: (host: string, size: string): string =>
    `The kept version (${size}) goes to the trash of ${host}, for 30 days.`,
  visitorsKeep: 'What visitors get does not change.',
  useIt: 'Use this one',
  letItGo: 'Let it go',
  used: 'The kept version is used now',
  letGoDone: 'The kept version is in the trash',
  trash: 'Trash',
  trashMore: 'Replaced and removed files. Each host keeps its own for 30 days.',
  trashOf: 'Trash of',
  trashOn: (host: string): string => `On ${host}`,
  trashIsEmpty: 'The trash is empty.',
  filterFiles: 'Filter by path',
  restore: 'Restore',
  restoreNamed: (path: string): string => `Restore ${path}`,
  restoreQuestion: 'Restore this file?',
  restoreThen: (size: string, hosts: number): string =>
    `This version (${size}) becomes the file on all ${formatNumber(hosts)} hosts.`,
  nothingReplaced: 'There is no file at this path now, so it replaces nothing.',
  restoreIt: 'Restore it',
  restored: 'The file is restored',
};
