import type { Host, Run } from '../model/words.js';
import type { Call } from './command-context.js';
import type { ExitCode } from './exit-codes.js';
import { formatFindings, isDamaged } from './findings.js';
import { describeCounts, describeProgress, drawProgress } from './progress.js';
import { formatPairs, formatTable } from './table.js';

/**
 * Follows a run to its end with progress on stderr, and prints its result. If the user
 * interrupts, the run continues on its host.
 */
export async function followRun(id: string, call: Call): Promise<ExitCode> {
  const { sync, screen, signal } = call;
  const sayThatItStays = (): void => {
    screen.note(`syncmedia: no longer followed; \`syncmedia runs show ${id}\` shows its progress`);
  };
  signal.addEventListener('abort', sayThatItStays, { once: true });
  try {
    const ended = await sync.runs.follow(
      id,
      (run) => {
        screen.progress(screen.isTerminal ? drawProgress(run) : describeProgress(run));
      },
      signal,
    );
    return await showRun(ended, call);
  } finally {
    signal.removeEventListener('abort', sayThatItStays);
  }
}

/** Prints a run, and returns the exit code for its state. */
export async function showRun(run: Run, { sync, screen, json }: Call): Promise<ExitCode> {
  if (json) screen.printJson({ run });
  else screen.print(formatRun(run, await nameHosts(run, sync)));
  return exitCodeOfRun(run);
}

export function exitCodeOfRun(run: Run): ExitCode {
  if (run.state === 'cancelled') return 1;
  if (run.failures.length > 0 || isDamaged(run)) return 3;
  return run.state === 'failed' ? 1 : 0;
}

function formatRun(run: Run, names: ReadonlyMap<string, string>): string {
  const nameOf = (id: string): string => names.get(id) ?? id;
  const pairs: [string, string][] = [
    ['run', run.id],
    ['kind', run.dryRun ? `${run.kind}, dry run` : run.kind],
    ['state', run.state],
    [run.kind === 'verify' ? 'verified' : 'transferred', describeCounts(run)],
    ['asked', `${run.askedAt.toISOString()} by ${run.askedBy}`],
  ];
  if (run.startedAt) pairs.push(['started', run.startedAt.toISOString()]);
  if (run.endedAt) pairs.push(['ended', run.endedAt.toISOString()]);
  if (run.failure) pairs.push(['failure', `${run.failure.code}: ${run.failure.message}`]);
  const failures = run.failures.map(({ host, failure }) => [
    nameOf(host),
    failure.code,
    failure.message,
  ]);
  const would = run.wouldTransfer?.map(({ host, path }) => [nameOf(host), path]);
  return (
    formatPairs(pairs) +
    formatFindings(run, nameOf) +
    (failures.length > 0 ? `\n${formatTable(['HOST', 'FAILURE', ''], failures)}` : '') +
    (would && would.length > 0 ? `\n${formatTable(['HOST', 'WOULD TRANSFER'], would)}` : '')
  );
}

async function nameHosts(run: Run, sync: Call['sync']): Promise<ReadonlyMap<string, string>> {
  if (run.failures.length === 0 && !run.wouldTransfer?.length && !run.findings?.length)
    return new Map();
  return new Map((await sync.hosts.list()).map((host: Host) => [host.id, host.hostname]));
}
