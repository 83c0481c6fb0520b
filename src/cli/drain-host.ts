import { setTimeout as sleep } from 'node:timers/promises';
import type { HostChangePreview } from '../api/reports.js';
import { SyncMediaError } from '../model/errors.js';
import { listFirst } from '../util/list-first.js';
import type { CommandContext } from './command-context.js';

/** In milliseconds. A look reads every entry of the ledger, so the pauses grow. */
const firstPauseMs = 250,
  longestPauseMs = 5_000;
/** A message names at most this many paths. */
const maxPathsShown = 5;

/**
 * Lets a host send the files that no other host has: those that it captured, and those that a scan
 * of its disk finds.
 *
 * @throws TIMED_OUT if some of it is on no other host after so many seconds
 */
export async function drainHost(
  hostname: string,
  seconds: number,
  { sync, screen, signal }: CommandContext,
): Promise<void> {
  const deadline = performance.now() + seconds * 1_000;
  const run = await sync.push({ at: hostname, by: 'command line' });
  const ending = AbortSignal.any([signal, AbortSignal.timeout(seconds * 1_000)]);
  // Whether a host cannot be reached does not matter, as long as another one gets the files.
  await sync.runs.follow(run.id, undefined, ending).catch((error: unknown) => {
    if (!ending.aborted) throw error;
  });
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    signal.throwIfAborted();
    const preview = await sync.hosts.previewChange(hostname, 'retired');
    if (isUnneeded(preview)) return;
    const leftMs = deadline - performance.now();
    if (leftMs <= 0)
      throw new SyncMediaError(
        'TIMED_OUT',
        `${hostname} was not unregistered: after ${String(seconds)} s ${describeNeed(preview)}`,
      );
    screen.showProgress(`waiting: ${describeNeed(preview)}`);
    await sleep(Math.min(pauseMs, leftMs), undefined, { signal });
  }
}

/** @throws CHANGED if files would be lost to the site */
export async function requireUnneeded(hostname: string, { sync }: CommandContext): Promise<void> {
  const preview = await sync.hosts.previewChange(hostname, 'retired');
  if (!isUnneeded(preview))
    throw new SyncMediaError(
      'CHANGED',
      `${hostname} was not unregistered: ${describeNeed(preview)}. Start it, so that the others ` +
        `get them, or give them up with \`syncmedia unregister ${hostname}\``,
    );
}

function isUnneeded({ onlyHere, captures }: HostChangePreview): boolean {
  return onlyHere.count + captures.count === 0;
}

/** `2 files are on no other host (a.jpg, b.jpg), and 1 save is not recorded yet` */
function describeNeed({ onlyHere, captures }: HostChangePreview): string {
  const over = ({ capped }: { capped: boolean }): string => (capped ? 'over ' : '');
  const parts = [
    onlyHere.count > 0 &&
      `${over(onlyHere)}${String(onlyHere.count)} ` +
        `${onlyHere.count === 1 ? 'file is' : 'files are'} on no other host ` +
        `(${listFirst(onlyHere.paths, maxPathsShown)})`,
    captures.count > 0 &&
      `${over(captures)}${String(captures.count)} ` +
        `${captures.count === 1 ? 'save is' : 'saves are'} not recorded yet`,
  ];
  return parts.filter((part) => part !== false).join(', and ');
}
