import {
  hasFields,
  isBoolean,
  isDate,
  isFailure,
  isList,
  isNumber,
  isOneOf,
  isRecordOf,
  isSize,
  isText,
  isToken,
  isOptional,
  type RowShape,
} from '../model/row-shapes.js';

const infoFields = {
  size: isSize,
  mtime: isNumber,
  nanos: isOptional(isNumber),
  sha256: isOptional(isToken),
};

const documentFields = hasFields({ model: isText, id: isText });

/** The fields of a valid row of the ledger; see `Entry`. */
export const entryShape: RowShape = {
  _id: isText,
  version: isText,
  kind: isOneOf('file', 'tombstone'),
  info: isOptional(hasFields({ ...infoFields, stamp: isOptional(isText) })),
  superseded: isList(hasFields({ ...infoFields, version: isText, conflicting: isBoolean })),
  origin: isText,
  capturedBy: isText,
  orphaned: isOptional(isBoolean),
  unverified: isOptional(isBoolean),
  overrules: isOptional(isBoolean),
  heldBy: isList(isText),
  stamps: isOptional(isRecordOf(isText)),
  pending: isList(isText),
  dueAt: isDate,
  blocked: isList(
    hasFields({ host: isText, failure: isFailure, since: isDate, retryAt: isOptional(isDate) }),
  ),
  savedBy: isOptional(documentFields),
  author: isOptional(isText),
  capturedAt: isDate,
  unrecorded: isOptional(isBoolean),
  toRecord: isOptional(
    isList(
      hasFields({
        version: isText,
        by: isText,
        at: isDate,
        replacedAt: isDate,
        info: isOptional(hasFields(infoFields)),
        savedBy: isOptional(documentFields),
        author: isOptional(isText),
      }),
    ),
  ),
};
