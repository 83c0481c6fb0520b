import type { Finding, LeftOutReason, Run, TransferReason } from '../../model/run.js';
import { formatFiles } from '../format.js';
import { plural } from './plural.js';

type Transfer = 'push' | 'pull' | 'adopt';

const kinds: Readonly<Record<Run['kind'], string>> = {
  push: 'Push',
  pull: 'Pull',
  verify: 'Verification',
  adopt: 'Adoption',
  bootstrap: 'First fill',
  restore: 'Restore',
};

export const runTexts = {
  // Runs
  runTitle: (kind: Run['kind'], at: string, isDryRun: boolean): string =>
    `${kinds[kind]} on ${at}${isDryRun ? ' (dry run)' : ''}`,
  askedBy: 'asked for by',
  aboutLeft: (span: string): string => `about ${span} left`,
  runWaits: 'It waits until its host begins.',
  runSearches: 'It looks for files …',
  runsMore: 'A push, pull, verification or adoption is stored first; then its host carries it out.',
  runsBefore: 'Before',
  noneRuns: 'None.',
  verifyAll: 'Verify every host',
  ofTotal: (done: string, all: string): string => `${done} of ${all}`,
  mayClose: 'You may close this page: the run goes on.',
  runEnded: (run: string, state: string): string => `${run}: ${state}`,
  allHostsMeant: 'every host',
  allDirs: 'every sync dir',
  notStarted: 'not begun',
  stillRuns: 'still runs',
  whatFailed: 'What failed',
  findingsLabel: 'What it found',
  findingPaths: 'Paths with findings',
  findings: {
    missing: 'missing',
    extra: 'in no entry',
    different: 'different',
  } satisfies Record<Finding, string>,
  adoptFindings: {
    missing: 'on the other host only',
    extra: 'only here, gets an entry',
    different: 'differs between hosts',
  } satisfies Record<Finding, string>,
  leftOut: 'What stays as it is',
  leftOutBecause: (files: string, why: LeftOutReason): string =>
    ({
      'no version':
        `${files} of which the history has no version of that time: they came later, or were ` +
        'not recorded.',
      'removed then': `${files} that did not exist at that time. A restore removes nothing.`,
      'hash only':
        `${files} of which the history has only name and hash, without a copy in the trash of ` +
        'the host.',
    })[why],
  pathsOfDryRun: (isRestore: boolean): string =>
    isRestore ? 'What it would restore' : 'What it would transfer',
  whyTransfer: {
    missing: 'missing there',
    older: 'older there',
    different: 'different there',
  } as Readonly<Record<string, string>>,
  whyRestore: {
    missing: 'comes back',
    different: 'is replaced',
  } as Readonly<Record<string, string>>,
  cancelRun: 'Cancel the run',
  cancelQuestion: 'Cancel this run?',
  cancelKeeps: (files: number): string =>
    files === 0
      ? 'It has transferred nothing so far.'
      : `${formatFiles(files)} that it transferred so far stay.`,
  cancelThen: 'What is pending all the same goes on being delivered.',
  cancelled: 'The run is being cancelled',
  runAskedFor: 'The run is requested',

  // Transfers
  transferQuestion: (kind: Transfer, at: string): string =>
    ({
      push: `Push from ${at}?`,
      pull: `Pull on ${at}?`,
      adopt: `Adopt existing files on ${at}?`,
    })[kind],
  dryRunGoesOn: 'A dry run looks what would happen. It changes nothing.',
  nothingToTransfer: (kind: Transfer): string =>
    ({
      push: 'The other hosts lack nothing that this one has.',
      pull: 'It lacks nothing that another host has.',
      adopt: 'Every file already has an entry.',
    })[kind],
  wouldTransfer: (kind: Transfer, files: string, bytes: string): string =>
    ({
      push: `${files} (${bytes}) would be sent to other hosts.`,
      pull: `${files} (${bytes}) would be fetched from other hosts.`,
      adopt: `${files} would get an entry, and be delivered to the hosts that lack them.`,
    })[kind],
  transferThen: (kind: Transfer): string =>
    ({
      push:
        'Where a host has another version, the ledger decides; what loses is kept as a ' +
        'conflict. Nothing is removed.',
      pull:
        'Where this host has another version, the ledger decides; what loses is kept as a ' +
        'conflict. Nothing is removed.',
      adopt: 'No file is changed or removed by this on its own host.',
    })[kind],
  startTransfer: (kind: Transfer): string =>
    ({ push: 'Start the push', pull: 'Start the pull', adopt: 'Adopt them' })[kind],

  // Restoring a sync dir
  restoreDir: 'Restore a sync dir',
  restoreDirLink: 'Restore a sync dir as it was at a time',
  restoreDirMore:
    'Each file becomes as it was at a time, on all hosts. Removed files come back, and files ' +
    'that came later stay: nothing is removed. You see what would change before anything happens.',
  syncDir: 'Sync dir',
  asItWasAt: (timeZone: string): string => `As it was at (time zone ${timeZone})`,
  orSoLongAgo: 'Times that need no typing',
  hoursAgo: (hours: number): string =>
    hours === 1 ? 'An hour ago' : hours === 24 ? 'A day ago' : 'A week ago',
  seeEffect: 'See what it would change',
  restoreDirQuestion: (dir: string, when: string): string => `Restore ${dir} as of ${when}?`,
  nothingToRestore: 'No file would change: the history has no other version of that time.',
  wouldRestore: (files: string, count: number, why: TransferReason): string =>
    why === 'missing'
      ? `${files} that ${plural(count, 'was', 'were')} removed since ` +
        `${plural(count, 'comes', 'come')} back.`
      : `${files} that changed since ${plural(count, 'is', 'are')} replaced by the earlier ` +
        `${plural(count, 'version', 'versions')}. What is there now goes to the trash of each ` +
        'host, for 30 days.',
  restoreDirThen: (bytes: string): string =>
    `Each restored file (${bytes} in all) is a new version for every host. Files that are saved ` +
    'meanwhile stay.',
  restoreThem: (files: string): string => `Restore ${files}`,

  // Verifications
  verifyQuestion: (host: string): string => `Verify what ${host} holds?`,
  verifyReads: (files: string): string =>
    `About ${files} are read in full and compared with the ledger.`,
  lastVerify: (files: string, bytes: string, span: string): string =>
    `The last verification read ${files} (${bytes}) in ${span}.`,
  verifyChangesNothing: 'It changes nothing. A repair is a second step, on what it finds.',
  startVerify: 'Start the verification',
  repair: 'Repair what it found',
  repairQuestion: (files: string): string => `Repair ${files}?`,
  repairOn: (host: string, missing: string, different: string): string =>
    `On ${host}: ${missing} missing, ${different} different.`,
  repairHow:
    'Each comes from a host whose bytes match the ledger. A file that is replaced goes to the ' +
    'trash for 30 days.',
  startRepair: 'Start the repair',
};
