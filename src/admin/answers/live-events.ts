import * as v from 'valibot';
import type { LiveEvents, OverviewChange } from '../../api/live-events.js';
import { documentAnswer } from './file.js';
import { dateText, type JsonSchema, objectOf } from './json.js';
import { hostOverview, overviewAnswer, overviewParts } from './overview.js';

export const changeAnswer = objectOf<OverviewChange>({
  at: dateText,
  id: v.string(),
  headline: v.exactOptional(overviewParts.headline),
  entries: v.exactOptional(overviewParts.entries),
  missing: v.exactOptional(overviewParts.missing),
  captures: v.exactOptional(overviewParts.captures),
  needs: v.exactOptional(overviewParts.needs),
  runs: v.exactOptional(overviewParts.runs),
  recent: v.exactOptional(overviewParts.recent),
  hosts: v.exactOptional(v.array(hostOverview)),
  unavailable: v.exactOptional(overviewParts.unavailable),
  order: v.exactOptional(v.array(v.string())),
});

export const endAnswer = objectOf<LiveEvents['end']>({
  reason: v.picklist(['closing', 'signed out', 'too many']),
});

/** The data of each event of `GET /events`. */
export const eventSchemas: { readonly [K in keyof LiveEvents]: JsonSchema<LiveEvents[K]> } = {
  overview: overviewAnswer,
  change: changeAnswer,
  files: documentAnswer,
  end: endAnswer,
};
