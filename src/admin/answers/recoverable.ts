import * as v from 'valibot';
import type { ConflictComparison, RecoverableContent, RecoverableFile } from '../../api/reports.js';
import { count, dateText, objectOf } from './json.js';

export const recoverableAnswer = objectOf<RecoverableFile>({
  host: v.string(),
  dir: v.string(),
  path: v.string(),
  keptAs: v.string(),
  at: dateText,
  size: count,
  why: v.exactOptional(v.string()),
  current: v.exactOptional(
    objectOf<NonNullable<RecoverableFile['current']>>({
      size: count,
      sha256: v.exactOptional(v.string()),
      capturedAt: dateText,
    }),
  ),
});

const contentAnswer = objectOf<RecoverableContent>({
  size: count,
  mtime: dateText,
  sha256: v.exactOptional(v.string()),
});

export const comparisonAnswer = objectOf<ConflictComparison>({
  host: v.string(),
  dir: v.string(),
  path: v.string(),
  keptAs: v.string(),
  conflict: contentAnswer,
  here: v.exactOptional(contentAnswer),
  identical: v.boolean(),
});
