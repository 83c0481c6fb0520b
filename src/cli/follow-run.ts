import type { Host } from '../model/host.js';
import type { LeftOutReason, Run } from '../model/run.js';
import type { CommandContext } from './command-context.js';
import type { ExitCode } from './exit-codes.js';
import { formatFindings, hasUnrepairedDamage } from './findings.js';
import {
  describeCounts,
  describeProgress,
  drawProgress,
  formatBytes,
  formatCount,
} from './progress.js';
import { formatPairs, formatTable } from './table.js';

const doneNames: Partial<Record<Run['kind'], string>> = {
  verify: 'verified',
  restore: 'restored',
};
const leftOutReasons: Readonly<Record<LeftOutReason, string>> = {
  'no version': 'the history has no version of that time: it came later, or was not recorded',
  'removed then': 'it did not exist at that time, and a restore removes nothing',
  'hash only': 'the history has only name and hash of it, and no copy is in the trash of the host',
};

/**
 * Follows a run to its end with progress on stderr, and prints its result. If the user
 * interrupts, the run continues on its host.
 */
export async function followRun(id: string, context: CommandContext): Promise<ExitCode> {
  const { sync, screen, signal } = context;
  const printRunContinues = (): void => {
    screen.printNotice(
      `syncmedia: no longer followed; \`syncmedia runs show ${id}\` shows its progress`,
    );
  };
  signal.addEventListener('abort', printRunContinues, { once: true });
  try {
    const ended = await sync.runs.follow(
      id,
      (run) => {
        screen.showProgress(screen.isTerminal ? drawProgress(run) : describeProgress(run));
      },
      signal,
    );
    return await printRun(ended, context);
  } finally {
    signal.removeEventListener('abort', printRunContinues);
  }
}

/** Prints a run, and returns the exit code for its state. */
export async function printRun(
  run: Run,
  { sync, screen, json }: CommandContext,
): Promise<ExitCode> {
  if (json) screen.printJson({ run });
  else screen.print(formatRun(run, await readHostNames(run, sync)));
  return getRunExitCode(run);
}

function getRunExitCode(run: Run): ExitCode {
  if (run.state === 'cancelled') return 1;
  if (run.failures.length > 0 || hasUnrepairedDamage(run)) return 3;
  if (run.leftOut?.some(({ why }) => why === 'hash only')) return 3;
  return run.state === 'failed' ? 1 : 0;
}

function formatRun(run: Run, names: ReadonlyMap<string, string>): string {
  const nameOf = (id: string): string => names.get(id) ?? id;
  const pairs: (readonly [string, string])[] = [
    ['run', run.id],
    ['kind', run.dryRun ? `${run.kind}, dry run` : run.kind],
    ['state', run.waits === undefined ? run.state : `${run.state}: ${run.waits}`],
    ...(run.restoresTo
      ? [['restores', `${run.dirs.join(', ')} as of ${run.restoresTo.toISOString()}`] as const]
      : []),
    [doneNames[run.kind] ?? 'transferred', describeCounts(run)],
    ['requested', `${run.requestedAt.toISOString()} by ${run.requestedBy}`],
  ];
  if (run.startedAt) pairs.push(['started', run.startedAt.toISOString()]);
  if (run.endedAt) pairs.push(['ended', run.endedAt.toISOString()]);
  if (run.failure) pairs.push(['failure', `${run.failure.code}: ${run.failure.message}`]);
  const failures = run.failures.map(({ host, failure }) => [
    nameOf(host),
    failure.code,
    failure.message,
  ]);
  const planned = run.wouldTransfer?.map(({ host, path, size, why }) => [
    nameOf(host),
    path,
    size === undefined ? '' : formatBytes(size),
    why ?? '',
  ]);
  const wouldDo = run.restoresTo ? 'WOULD RESTORE' : 'WOULD TRANSFER';
  const leftOut = run.leftOut?.flatMap(({ why, count, paths }) => [
    ...paths.map((path) => [path, leftOutReasons[why]]),
    ...(count > paths.length
      ? [[`${formatCount(count - paths.length)} more`, leftOutReasons[why]]]
      : []),
  ]);
  return (
    formatPairs(pairs) +
    formatFindings(run, nameOf) +
    (failures.length > 0 ? `\n${formatTable(['HOST', 'FAILURE', ''], failures)}` : '') +
    (planned && planned.length > 0
      ? `\n${formatTable(['HOST', wouldDo, 'SIZE', 'WHY'], planned)}`
      : '') +
    (leftOut && leftOut.length > 0 ? `\n${formatTable(['STAYS AS IT IS', 'WHY'], leftOut)}` : '')
  );
}

async function readHostNames(
  run: Run,
  sync: CommandContext['sync'],
): Promise<ReadonlyMap<string, string>> {
  if (run.failures.length === 0 && !run.wouldTransfer?.length && !run.findings?.length)
    return new Map();
  return new Map((await sync.hosts.list()).map((host: Host) => [host.id, host.hostname]));
}
