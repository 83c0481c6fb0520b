import * as v from 'valibot';
import type {
  CappedCount,
  HostOverview,
  Need,
  Overview,
  RecentEvent,
  RunSummary,
} from '../../api/overview.js';
import { errorCode } from './failure.js';
import { hostName, hostStatus } from './host.js';
import { count, dateText, objectOf } from './json.js';
import { runKind, runState } from './run.js';

const text = v.string();
const optionalText = v.exactOptional(text);
/** Ages and remaining times, in whole seconds. */
const seconds = v.pipe(v.number(), v.integer());
const optionalSeconds = v.exactOptional(seconds);

const capped = { count, capped: v.boolean() };
const cappedCount = objectOf<CappedCount>(capped);

export const hostOverview = objectOf<HostOverview>({
  id: text,
  hostname: text,
  address: text,
  thisHost: v.boolean(),
  passive: v.boolean(),
  approval: hostStatus,
  state: v.picklist([
    'pending',
    'cloned',
    'down',
    'halted',
    'blocked',
    'filling',
    'paused',
    'behind',
    'up to date',
  ]),
  note: text,
  since: v.exactOptional(dateText),
  cause: optionalText,
  consequence: optionalText,
  remedy: optionalText,
  code: v.exactOptional(errorCode),
  pending: objectOf<HostOverview['pending']>({ ...capped, bytes: count }),
  oldestSeconds: optionalSeconds,
  blocked: count,
  blockedBy: v.array(
    objectOf<HostOverview['blockedBy'][number]>({ code: errorCode, files: count }),
  ),
  conflicts: v.exactOptional(count),
  unsyncable: count,
  reload: v.exactOptional(
    objectOf<NonNullable<HostOverview['reload']>>({
      at: dateText,
      exitCode: v.nullable(v.number()),
    }),
  ),
  deliveredSecondsAgo: optionalSeconds,
  deliveries: v.array(count),
  heartbeatSecondsAgo: optionalSeconds,
  // In tenths.
  clockOffsetSeconds: v.exactOptional(v.number()),
  version: optionalText,
  leader: optionalText,
  nextTrySeconds: optionalSeconds,
  failures: v.array(
    objectOf<HostOverview['failures'][number]>({
      from: text,
      code: errorCode,
      message: text,
      remedy: text,
      sinceSeconds: optionalSeconds,
      nextTrySeconds: optionalSeconds,
    }),
  ),
  filling: v.exactOptional(
    objectOf<NonNullable<HostOverview['filling']>>({
      files: count,
      filesFound: count,
      from: v.array(text),
      secondsLeft: optionalSeconds,
    }),
  ),
  paused: v.exactOptional(
    objectOf<NonNullable<HostOverview['paused']>>({
      by: optionalText,
      reason: optionalText,
      since: v.exactOptional(dateText),
    }),
  ),
  history: v.exactOptional(
    objectOf<NonNullable<HostOverview['history']>>({
      unrecorded: cappedCount,
      failing: optionalText,
    }),
  ),
});

export const needAnswer = objectOf<Need>({
  id: text,
  kind: v.picklist([
    'host',
    'removals',
    'conflicts',
    'missing',
    'clock',
    'history',
    'setup',
    'unreadable',
    'captures',
  ]),
  host: optionalText,
  dir: optionalText,
  title: text,
  cause: text,
  safe: text,
  remedy: text,
  sinceSeconds: optionalSeconds,
  action: v.exactOptional(objectOf<NonNullable<Need['action']>>({ label: text, view: text })),
  command: optionalText,
});

export const runSummary = objectOf<RunSummary>({
  id: text,
  kind: runKind,
  at: text,
  state: runState,
  dryRun: v.boolean(),
  files: count,
  filesFound: count,
  bytes: count,
  bytesFound: count,
  requestedSecondsAgo: seconds,
  endedSecondsAgo: optionalSeconds,
  secondsLeft: optionalSeconds,
  requestedBy: text,
  result: text,
});

/** The parts of an overview that a change may have, too. */
export const overviewParts = {
  headline: text,
  entries: count,
  missing: cappedCount,
  captures: objectOf<Overview['captures']>({ count: cappedCount, oldestSeconds: optionalSeconds }),
  hosts: v.array(hostOverview),
  needs: v.array(needAnswer),
  runs: v.array(runSummary),
  recent: v.array(objectOf<RecentEvent>({ at: dateText, host: optionalText, text })),
  unavailable: objectOf<NonNullable<Overview['unavailable']>>({
    since: dateText,
    code: errorCode,
    message: text,
    remedy: text,
  }),
};

export const overviewAnswer = objectOf<Overview>({
  ...overviewParts,
  at: dateText,
  id: text,
  thisHost: v.exactOptional(hostName),
  unavailable: v.exactOptional(overviewParts.unavailable),
});
