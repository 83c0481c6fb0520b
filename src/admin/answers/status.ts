import * as v from 'valibot';
import type { AuditEntry, DoctorCheck, HostStatus, Status } from '../../api/reports.js';
import type {
  HistoryAdoption,
  SetupProblem,
  UnnamedSaves,
  UnsyncableNames,
} from '../../model/host.js';
import type { SyncDir } from '../../model/sync-dir.js';
import { failureAnswer } from './failure.js';
import { hostName, hostStatus, reloadAnswer, unsyncableName } from './host.js';
import { count, dateText, objectOf, recordOf } from './json.js';

type BlockedPath = HostStatus['blockedPaths'][number];
type HostFailure = HostStatus['failures'][number];
type UnsharedHistory = NonNullable<NonNullable<HostStatus['history']>['unshared']>[string];
type UnreadableRows = Status['unreadableRows'];

export const hostStatusAnswer = objectOf<HostStatus>({
  id: v.string(),
  hostname: v.string(),
  status: hostStatus,
  passive: v.boolean(),
  ready: v.boolean(),
  thisHost: v.boolean(),
  pending: count,
  pendingSince: v.exactOptional(dateText),
  blocked: count,
  blockedPaths: v.array(
    objectOf<BlockedPath>({
      path: v.string(),
      failure: failureAnswer,
      since: dateText,
      retryAt: v.exactOptional(dateText),
      retrying: v.exactOptional(v.literal(true)),
    }),
  ),
  deliveredAt: v.exactOptional(dateText),
  failures: v.array(
    objectOf<HostFailure>({
      origin: v.string(),
      failure: failureAnswer,
      since: v.exactOptional(dateText),
      nextTryAt: v.exactOptional(dateText),
    }),
  ),
  lease: v.exactOptional(objectOf<{ leader: string }>({ leader: v.string() })),
  halted: recordOf(failureAnswer),
  unsyncable: v.exactOptional(
    recordOf(
      objectOf<UnsyncableNames & { at?: Date }>({
        count,
        examples: v.array(unsyncableName),
        at: v.exactOptional(dateText),
      }),
    ),
  ),
  unreadable: v.exactOptional(v.array(v.string())),
  history: v.exactOptional(
    objectOf<NonNullable<HostStatus['history']>>({
      failure: v.exactOptional(failureAnswer),
      failingSince: v.exactOptional(dateText),
      unshared: v.exactOptional(
        recordOf(objectOf<UnsharedHistory>({ failure: failureAnswer, since: dateText })),
      ),
      bytes: v.exactOptional(count),
      oldest: v.exactOptional(dateText),
      forgottenUntil: v.exactOptional(dateText),
      adoption: v.exactOptional(
        objectOf<HistoryAdoption>({
          since: dateText,
          after: v.exactOptional(v.string()),
          files: count,
          bytes: count,
          endedAt: v.exactOptional(dateText),
          isFull: v.exactOptional(v.boolean()),
        }),
      ),
      unrecorded: count,
    }),
  ),
  reload: v.exactOptional(reloadAnswer),
  setup: v.exactOptional(
    v.array(objectOf<SetupProblem>({ about: v.string(), message: v.string(), remedy: v.string() })),
  ),
  unnamed: v.exactOptional(
    recordOf(objectOf<UnnamedSaves>({ count, lastDocument: v.string(), lastAt: dateText })),
  ),
});

const syncDirAnswer = objectOf<SyncDir>({
  path: v.string(),
  exclude: v.array(v.string()),
  conflict: v.picklist(['newer', 'keep', 'overwrite']),
  onDelete: v.picklist(['keep', 'propagate']),
});

export const statusAnswer = objectOf<Status>({
  initialised: v.boolean(),
  thisHost: v.exactOptional(hostName),
  hosts: v.array(hostStatusAnswer),
  syncDirs: v.array(syncDirAnswer),
  unsealedRules: v.exactOptional(v.array(v.string())),
  captures: count,
  entries: count,
  missing: count,
  missingPaths: v.array(v.string()),
  conflicts: v.array(
    objectOf<Status['conflicts'][number]>({
      path: v.string(),
      keptAs: v.string(),
      at: dateText,
      size: count,
    }),
  ),
  unreadableRows: objectOf<UnreadableRows>({
    count,
    newest: v.array(
      objectOf<UnreadableRows['newest'][number]>({
        collection: v.string(),
        id: v.string(),
        fields: v.array(v.string()),
        at: dateText,
      }),
    ),
  }),
});

export const doctorCheck = objectOf<DoctorCheck>({
  name: v.string(),
  state: v.picklist(['ok', 'info', 'failed']),
  message: v.string(),
  remedy: v.exactOptional(v.string()),
});

export const auditAnswer = objectOf<AuditEntry>({
  id: v.string(),
  at: dateText,
  by: v.string(),
  what: v.string(),
  args: v.string(),
  host: v.exactOptional(v.string()),
  outcome: v.string(),
});
