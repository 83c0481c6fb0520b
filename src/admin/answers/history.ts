import * as v from 'valibot';
import type { HistoryRestore, HistoryVersion } from '../../api/history.js';
import type { DocumentRef } from '../../model/capture.js';
import type { FileInfo } from '../../model/file.js';
import { count, dateText, objectOf } from './json.js';

export const historyVersion = objectOf<HistoryVersion>({
  path: v.string(),
  version: v.string(),
  host: v.string(),
  hostname: v.string(),
  elsewhere: v.exactOptional(v.literal(true)),
  at: dateText,
  as: v.picklist(['stored', 'named', 'removed']),
  author: v.string(),
  savedBy: v.exactOptional(objectOf<DocumentRef>({ model: v.string(), id: v.string() })),
  info: v.exactOptional(
    objectOf<FileInfo>({
      size: count,
      mtime: v.number(),
      sha256: v.exactOptional(v.string()),
    }),
  ),
  revision: v.string(),
});

export const historyRestore = objectOf<HistoryRestore>({
  path: v.string(),
  version: historyVersion,
  dryRun: v.boolean(),
  from: v.picklist(['history', 'trash', 'another host']),
  current: v.exactOptional(
    objectOf<NonNullable<HistoryRestore['current']>>({
      size: count,
      mtime: dateText,
      sha256: v.string(),
    }),
  ),
  isCurrent: v.boolean(),
  hosts: v.array(v.string()),
});
