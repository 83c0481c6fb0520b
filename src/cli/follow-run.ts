import type { Host, Run } from '../words.js';
import type { Call } from './call.js';
import type { ExitCode } from './exit-codes.js';
import { formatPairs, formatTable } from './table.js';

/** Follows a run to its end with progress on stderr, and prints what came of it. Interrupted, it leaves the run to its host. */
export async function followRun(id: string, call: Call): Promise<ExitCode> {
  const { sync, screen, signal } = call;
  const sayThatItStays = (): void => { screen.note(`syncmedia: no longer followed; \`syncmedia runs show ${id}\` tells what becomes of it`); };
  signal.addEventListener('abort', sayThatItStays, { once: true });
  try {
    const ended = await sync.runs.follow(id, (run) => { screen.progress(describeProgress(run)); }, signal);
    return await showRun(ended, call);
  } finally {
    signal.removeEventListener('abort', sayThatItStays);
  }
}

/** Prints a run; the exit code says how it stands. */
export async function showRun(run: Run, { sync, screen, json }: Call): Promise<ExitCode> {
  if (json) screen.printJson({ run });
  else screen.print(formatRun(run, await nameHosts(run, sync)));
  return exitCodeOfRun(run);
}

export function exitCodeOfRun(run: Run): ExitCode {
  if (run.state === 'cancelled') return 1;
  if (run.failures.length > 0) return 3;
  return run.state === 'failed' ? 1 : 0;
}

export function describeProgress(run: Run): string {
  return `${run.kind} ${run.id}: ${run.state}, ${countOf(run)}`;
}

function formatRun(run: Run, names: ReadonlyMap<string, string>): string {
  const nameOf = (id: string): string => names.get(id) ?? id;
  const pairs: [string, string][] = [
    ['run', run.id], ['kind', run.dryRun ? `${run.kind}, dry run` : run.kind], ['state', run.state],
    ['transferred', countOf(run)], ['asked', `${run.askedAt.toISOString()} by ${run.askedBy}`],
  ];
  if (run.startedAt) pairs.push(['started', run.startedAt.toISOString()]);
  if (run.endedAt) pairs.push(['ended', run.endedAt.toISOString()]);
  if (run.failure) pairs.push(['failure', `${run.failure.code}: ${run.failure.message}`]);
  const failures = run.failures.map(({ host, failure }) => [nameOf(host), failure.code, failure.message]);
  const would = run.wouldTransfer?.map(({ host, path }) => [nameOf(host), path]);
  return formatPairs(pairs)
    + (failures.length > 0 ? `\n${formatTable(['HOST', 'FAILURE', ''], failures)}` : '')
    + (would && would.length > 0 ? `\n${formatTable(['HOST', 'WOULD TRANSFER'], would)}` : '');
}

async function nameHosts(run: Run, sync: Call['sync']): Promise<ReadonlyMap<string, string>> {
  if (run.failures.length === 0 && !run.wouldTransfer?.length) return new Map();
  return new Map((await sync.hosts.list()).map((host: Host) => [host.id, host.hostname]));
}

function countOf({ files, filesFound, bytes, bytesFound }: Run): string {
  return `${String(files)} of ${String(filesFound)} files, ${formatBytes(bytes)} of ${formatBytes(bytesFound)}`;
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${power === 0 ? String(bytes) : (bytes / 1024 ** power).toFixed(1)} ${units[power] ?? ''}`;
}
