import {
  hasFields,
  isDate,
  isList,
  isNumber,
  isSize,
  isText,
  isToken,
  orNone,
  type RowShape,
} from '../model/row-shapes.js';

export const isSeen = hasFields({
  size: isSize,
  mtime: isNumber,
  nanos: isNumber,
  sha256: orNone(isToken),
  stamp: orNone(isText),
});

/** The required shape of a row of the outbox; see `Capture`. */
export const captureShape: RowShape = {
  _id: isText,
  host: isText,
  dueAt: isDate,
  savedBy: orNone(hasFields({ model: isText, id: isText })),
  touched: isList(isText),
  left: isList(isText),
  leftSince: orNone(isDate),
  sweep: isList(hasFields({ dir: isText, after: isNumber })),
  asserted: orNone(isList(hasFields({ path: isText, seen: isSeen }))),
};
