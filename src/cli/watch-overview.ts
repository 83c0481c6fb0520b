import { setTimeout as sleep } from 'node:timers/promises';
import type { Overview } from '../api/overview.js';
import { hostStateWords } from '../model/host-state.js';
import type { CommandContext } from './command-context.js';
import { formatOverview } from './format-overview.js';

/** In milliseconds. The overview is not read more often. */
const everyMs = 1_000;

/**
 * Shows the overview until the user interrupts: on a terminal it is drawn anew, elsewhere each
 * change is a line. With `json` each changed overview is a line.
 */
export async function watchOverview(
  { sync, screen, layout, json, signal }: CommandContext,
  intervalMs = everyMs,
): Promise<void> {
  let before: Overview | undefined;
  const show = (overview: Overview): void => {
    if (json) {
      if (isNews(before, overview)) screen.printJsonLine(overview);
    } else if (screen.canRedraw) screen.redraw(formatOverview(overview, layout));
    else for (const line of listChanges(before, overview)) screen.print(line);
    before = overview;
  };
  // At once: neither a second ctrl-C nor a slow database may keep the cursor hidden.
  const end = (): void => {
    screen.endRedraw();
  };
  signal.addEventListener('abort', end, { once: true });
  try {
    while (!signal.aborted) {
      const overview = await sync.overview();
      signal.throwIfAborted();
      show(overview);
      await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    signal.removeEventListener('abort', end);
    end();
  }
}

function isNews(before: Overview | undefined, now: Overview): boolean {
  return (
    before?.id !== now.id || (before.unavailable === undefined) !== (now.unavailable === undefined)
  );
}

/** What changed between two overviews, as lines with the time, the host, and what happened. */
export function listChanges(before: Overview | undefined, now: Overview): string[] {
  const clock = now.at.toISOString().slice(11, 19);
  if (!before) return [`${clock} ${now.headline}`];
  if (!isNews(before, now)) return [];
  const lines = now.hosts.flatMap(({ id, hostname, state, note, pending, blocked }) => {
    const earlier = before.hosts.find((host) => host.id === id);
    const news: string[] = [];
    if (earlier?.state !== state)
      news.push(hostStateWords[state] + (note === '' ? '' : ` (${note})`));
    if ((earlier?.pending.count ?? 0) !== pending.count)
      news.push(pending.count === 0 ? 'has everything' : `${describeWaiting(pending)}`);
    if ((earlier?.blocked ?? 0) !== blocked) news.push(`${String(blocked)} blocked`);
    return news.map((text) => `${clock} ${hostname}  ${text}`);
  });
  for (const { id, hostname } of before.hosts)
    if (!now.hosts.some((host) => host.id === id)) lines.push(`${clock} ${hostname}  is gone`);
  const known = new Set(before.needs.map(({ id }) => id));
  for (const { id, title, command } of now.needs)
    if (!known.has(id))
      lines.push(`${clock} needs you: ${title}${command === undefined ? '' : ` (${command})`}`);
  if (now.unavailable && !before.unavailable)
    lines.push(`${clock} out of date: ${now.unavailable.message}`);
  if (before.headline !== now.headline) lines.push(`${clock} ${now.headline}`);
  return lines;
}

function describeWaiting({ count, capped }: { count: number; capped: boolean }): string {
  const files = count === 1 ? 'file is' : 'files are';
  return `${capped ? 'over ' : ''}${count.toLocaleString('en')} ${files} on the way`;
}
