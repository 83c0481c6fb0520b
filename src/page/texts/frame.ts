import { formatNumber } from '../format.js';
import { plural } from './plural.js';

export const frameTexts = {
  // The frame
  skip: 'Skip to the content',
  views: {
    overview: 'Overview',
    files: 'Files',
    runs: 'Runs',
    conflicts: 'Conflicts',
    removals: 'Removals',
    trash: 'Trash',
    audit: 'Audit',
  },
  viewsLabel: 'Views',
  live: 'Live',
  pausedBy: { reader: 'Paused', idle: 'Paused: nobody was here for 30 minutes' },
  pausedWith: (changes: number): string =>
    changes === 0 ? '' : `, ${formatNumber(changes)} ${plural(changes, 'change', 'changes')} since`,
  notLive: 'Not live',
  connecting: 'Connecting',
  polling: 'Every 10 s',
  pauseHint: 'Pause or resume the live view (p)',
  theme: (name: string): string => `Theme: ${name}`,
  themes: { auto: 'auto', light: 'light', dark: 'dark' },
  keysButton: 'Keys: ?',
  signOut: 'Sign out',
  signedInAs: (name: string | undefined): string => (name ? `Signed in as ${name}` : 'Signed in'),
  answeredBy: (host: string): string => `Answered by ${host}`,
  readAt: (time: string): string => `read at ${time}, the database’s clock`,
  onlyShows: 'This page only shows: its router is read-only.',
  notLiveSince: (time: string): string => `Not live: this is from ${time}.`,
  tryingAgain: (span: string): string => `Trying again in ${span}.`,
  tryingNow: 'Trying again now.',
  pollingSince: (time: string): string =>
    `The live stream fails, so this page asks every 10 seconds. This is from ${time}.`,
  databaseDown: (time: string): string => `The database does not answer since ${time}.`,
  databaseDownThen: 'Files go on being served; saves fail by themselves. Nothing is lost.',
  tryAgain: 'Try again',
  asking: 'Asking the database …',
  counting: 'Counting what it would do …',
  noAnswer: 'The application does not answer.',
  tookTooLong: 'The application did not answer within a minute.',
  answeredByOther: 'Something in front of the application answered in its place.',
  answeredByOtherRemedy:
    'Load the page again: a proxy may ask you to sign in. It must pass on every address below ' +
    'this one.',
  answeredWith: (status: number): string =>
    `The application answered with status ${String(status)}.`,
  keysTitle: 'Keys',
  keys: [
    ['/', 'finds a file'],
    ['g then o, f, r or c', 'goes to overview, files, runs or conflicts'],
    ['p', 'pauses and resumes the live view'],
    ['?', 'shows this list'],
    ['Esc', 'closes a dialog'],
  ] as const,
  keysOff: 'Switch the keys off',
  keysOn: 'Switch the keys on',
  keysAreOff: 'The keys are switched off. Esc always closes a dialog.',
  close: 'Close',
  leaveIt: 'Leave it',
  working: 'Working …',
  changedMeanwhile: 'It changed meanwhile. This is how it is now:',
  copy: 'Copy',
  copied: 'Copied',
  notCopied: 'The browser did not copy it',
  characters: (count: number): string => `(${formatNumber(count)} characters)`,
  openFile: 'Open this file',
  now: 'now',
  inSpan: (span: string): string => `in ${span}`,
  since: 'for',
  unknown: 'unknown',
  none: 'none',
  nothing: 'nothing',
  nobody: 'nobody',
  previous: 'Previous',
  next: (count: number): string => `Next ${formatNumber(count)}`,
  firstOf: (shown: string, all: string): string => `the first ${shown} of ${all}`,
  andMore: (count: number): string => `and ${formatNumber(count)} more`,
  andOthers: (names: string, count: number): string =>
    `${names} and ${formatNumber(count)} ${plural(count, 'other', 'others')}`,

  // Audit
  audit: 'Audit',
  auditMore:
    'Who changed what through this page, the router or the command line; the newest first.',
  noChanges: 'Nobody has changed anything yet.',
  outcomes: { begun: 'begun', done: 'done' } as Readonly<Record<string, string>>,

  // Signing in
  signIn: 'Sign in',
  signInMore: 'This page needs the token of the router, SYNCMEDIA_ADMIN_TOKEN.',
  token: 'Token',
  yourName: 'Your name (optional)',
  yourNameMore: 'It stands beside your changes in the audit. Nothing proves it.',
  wrongToken: 'The token is wrong.',
  notSignedIn: 'The token is right, but the next answer took you for a stranger.',
  notSignedInRemedy:
    'Let the browser keep the cookies of this site, delete those that it has, and sign in again. ' +
    'If several hosts answer here, all of them need the same SYNCMEDIA_ADMIN_TOKEN.',
  notAllowed: 'You may not use this page',
  notAllowedMore:
    'The application decides who may, by its function authorize. Sign in to the application ' +
    'as somebody who may, then load this page again.',
  signedOut: 'You are signed out',
};
