import type { Host } from '../model/host.js';
import type { Run } from '../model/run.js';
import type { CommandContext } from './command-context.js';
import type { ExitCode } from './exit-codes.js';
import { formatFindings, hasUnrepairedDamage } from './findings.js';
import { describeCounts, describeProgress, drawProgress, formatBytes } from './progress.js';
import { formatPairs, formatTable } from './table.js';

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
  return run.state === 'failed' ? 1 : 0;
}

function formatRun(run: Run, names: ReadonlyMap<string, string>): string {
  const nameOf = (id: string): string => names.get(id) ?? id;
  const pairs: [string, string][] = [
    ['run', run.id],
    ['kind', run.dryRun ? `${run.kind}, dry run` : run.kind],
    ['state', run.waits === undefined ? run.state : `${run.state}: ${run.waits}`],
    [run.kind === 'verify' ? 'verified' : 'transferred', describeCounts(run)],
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
  return (
    formatPairs(pairs) +
    formatFindings(run, nameOf) +
    (failures.length > 0 ? `\n${formatTable(['HOST', 'FAILURE', ''], failures)}` : '') +
    (planned && planned.length > 0
      ? `\n${formatTable(['HOST', 'WOULD TRANSFER', 'SIZE', 'WHY'], planned)}`
      : '')
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
