import { texts } from './texts.js';
import type { WireOverview, WireRunSummary } from './wire.js';

/** The news in a sentence for screen readers: a run that ended, or the headline. */
export function findNews(before: WireOverview, now: WireOverview): string | undefined {
  const was = new Map(before.runs.map(({ id, state }) => [id, state]));
  const ended = now.runs.find((run) => !isGoing(run.state) && isGoing(was.get(run.id)));
  if (ended)
    return texts.runEnded(
      texts.runTitle(ended.kind, ended.at, ended.dryRun),
      texts.runStates[ended.state],
    );
  return now.headline === before.headline ? undefined : now.headline;
}

const isGoing = (state: WireRunSummary['state'] | undefined): boolean =>
  state === 'requested' || state === 'running';
