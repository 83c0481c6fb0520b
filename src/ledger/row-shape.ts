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
  orNone,
  type RowShape,
} from '../model/row-shapes.js';

const facts = { size: isSize, mtime: isNumber, nanos: orNone(isNumber), sha256: orNone(isToken) };

/** The fields of a valid row of the ledger; see `Entry`. */
export const entryShape: RowShape = {
  _id: isText,
  version: isText,
  kind: isOneOf('file', 'tombstone'),
  facts: orNone(hasFields({ ...facts, stamp: orNone(isText) })),
  superseded: isList(hasFields({ ...facts, version: isText, lost: isBoolean })),
  sender: isText,
  capturedBy: isText,
  adoptable: orNone(isBoolean),
  unsure: orNone(isBoolean),
  overrules: orNone(isBoolean),
  heldBy: isList(isText),
  stamps: orNone(isRecordOf(isText)),
  owed: isList(isText),
  dueAt: isDate,
  blocked: isList(
    hasFields({ host: isText, failure: isFailure, since: isDate, retryAt: orNone(isDate) }),
  ),
  savedBy: orNone(hasFields({ model: isText, id: isText })),
  capturedAt: isDate,
};
