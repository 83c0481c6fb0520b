import * as v from 'valibot';
import type { HostFindings, LeftOutFiles, RestoredFile, Run } from '../../model/run.js';
import { failureAnswer } from './failure.js';
import { count, dateText, objectOf } from './json.js';

const findings = objectOf<HostFindings>({
  host: v.string(),
  same: v.exactOptional(count),
  missing: count,
  extra: count,
  different: count,
  repaired: count,
});

export const runKind = v.picklist(['push', 'pull', 'verify', 'adopt', 'bootstrap', 'restore']);
export const runState = v.picklist(['requested', 'running', 'done', 'failed', 'cancelled']);

const transferReason = v.picklist(['missing', 'older', 'different']);

export const runAnswer = objectOf<Run>({
  id: v.string(),
  kind: runKind,
  at: v.string(),
  hosts: v.array(v.string()),
  dirs: v.array(v.string()),
  dryRun: v.boolean(),
  repair: v.boolean(),
  restores: v.exactOptional(
    objectOf<RestoredFile>({
      dir: v.string(),
      keptAs: v.string(),
      kept: v.exactOptional(v.string()),
      current: v.exactOptional(v.nullable(v.string())),
    }),
  ),
  restoresTo: v.exactOptional(dateText),
  restoresBefore: v.exactOptional(dateText),
  leftOut: v.exactOptional(
    v.array(
      objectOf<LeftOutFiles>({
        why: v.picklist(['no version', 'removed then', 'hash only']),
        count,
        paths: v.array(v.string()),
      }),
    ),
  ),
  state: runState,
  files: count,
  bytes: count,
  filesFound: count,
  bytesFound: count,
  from: v.exactOptional(v.string()),
  bytesPerSecond: v.exactOptional(v.number()),
  secondsLeft: v.exactOptional(v.number()),
  findings: v.exactOptional(v.array(findings)),
  pathFindings: v.exactOptional(
    v.array(
      objectOf<NonNullable<Run['pathFindings']>[number]>({
        host: v.string(),
        path: v.string(),
        finding: v.picklist(['missing', 'extra', 'different']),
      }),
    ),
  ),
  failures: v.array(
    objectOf<Run['failures'][number]>({ host: v.string(), failure: failureAnswer }),
  ),
  wouldTransfer: v.exactOptional(
    v.array(
      objectOf<NonNullable<Run['wouldTransfer']>[number]>({
        host: v.string(),
        path: v.string(),
        size: v.exactOptional(count),
        why: v.exactOptional(transferReason),
      }),
    ),
  ),
  transferReasons: v.exactOptional(
    v.array(objectOf<NonNullable<Run['transferReasons']>[number]>({ why: transferReason, count })),
  ),
  failure: v.exactOptional(failureAnswer),
  requestedAt: dateText,
  startedAt: v.exactOptional(dateText),
  scannedAt: v.exactOptional(dateText),
  endedAt: v.exactOptional(dateText),
  requestedBy: v.string(),
  waits: v.exactOptional(v.string()),
});
