import * as v from 'valibot';
import type { DocumentStatus, FilePage, FileStatus, ModelDescription } from '../../api/reports.js';
import type { DocumentRef } from '../../model/capture.js';
import { failureAnswer } from './failure.js';
import { hostName } from './host.js';
import { count, dateText, objectOf } from './json.js';

type PendingHost = FileStatus['pending'][number];
type UnconcernedHost = NonNullable<FileStatus['unconcerned']>[number];

export const fileAnswer = objectOf<FileStatus>({
  path: v.string(),
  captured: v.boolean(),
  pendingCaptures: v.exactOptional(v.array(hostName)),
  unsynced: v.exactOptional(
    objectOf<NonNullable<FileStatus['unsynced']>>({
      why: v.picklist(['excluded', 'not synced here']),
      message: v.string(),
      syncDir: v.exactOptional(v.string()),
      pattern: v.exactOptional(v.string()),
    }),
  ),
  kind: v.exactOptional(v.picklist(['file', 'tombstone'])),
  version: v.exactOptional(v.string()),
  size: v.exactOptional(count),
  sha256: v.exactOptional(v.string()),
  capturedAt: v.exactOptional(dateText),
  origin: v.exactOptional(hostName),
  savedBy: v.exactOptional(objectOf<DocumentRef>({ model: v.string(), id: v.string() })),
  heldBy: v.array(hostName),
  pending: v.array(
    objectOf<PendingHost>({
      id: v.string(),
      hostname: v.string(),
      since: dateText,
      blocked: v.boolean(),
      why: v.string(),
      remedy: v.exactOptional(v.string()),
      failure: v.exactOptional(failureAnswer),
      failingSince: v.exactOptional(dateText),
      retryAt: v.exactOptional(dateText),
    }),
  ),
  unconcerned: v.exactOptional(
    v.array(objectOf<UnconcernedHost>({ id: v.string(), hostname: v.string(), why: v.string() })),
  ),
});

export const documentAnswer = objectOf<DocumentStatus>({
  model: v.exactOptional(v.string()),
  id: v.exactOptional(v.string()),
  files: v.array(fileAnswer),
});

export const filePage = objectOf<FilePage>({
  files: v.array(fileAnswer),
  next: v.exactOptional(v.string()),
});

export const modelAnswer = objectOf<ModelDescription>({
  name: v.string(),
  syncDirs: v.array(v.string()),
  fields: v.exactOptional(v.array(v.string())),
  plugged: v.boolean(),
});
