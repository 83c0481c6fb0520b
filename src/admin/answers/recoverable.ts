import * as v from 'valibot';
import type { ConflictComparison, RecoverableContent, RecoverableFile } from '../../api/reports.js';
import { count, dateText, objectOf } from './json.js';

export const recoverableAnswer = objectOf<RecoverableFile>({
  dir: v.string(),
  path: v.string(),
  keptAs: v.string(),
  at: dateText,
  size: count,
});

const contentAnswer = objectOf<RecoverableContent>({
  size: count,
  mtime: dateText,
  sha256: v.string(),
});

export const comparisonAnswer = objectOf<ConflictComparison>({
  dir: v.string(),
  path: v.string(),
  keptAs: v.string(),
  conflict: contentAnswer,
  here: v.exactOptional(contentAnswer),
  identical: v.boolean(),
});
