import {
  hasFields,
  isDate,
  isList,
  isNumber,
  isSize,
  isText,
  isToken,
  isOptional,
  type RowShape,
} from '../model/row-shapes.js';

export const isLocalFileInfo = hasFields({
  size: isSize,
  mtime: isNumber,
  nanos: isNumber,
  sha256: isOptional(isToken),
  stamp: isOptional(isText),
});

/** The required shape of a row of the outbox; see `Capture`. */
export const captureShape: RowShape = {
  _id: isText,
  host: isText,
  dueAt: isDate,
  savedBy: isOptional(hasFields({ model: isText, id: isText })),
  author: isOptional(isText),
  touched: isList(isText),
  unreferenced: isList(isText),
  unreferencedSince: isOptional(isDate),
  rescan: isList(hasFields({ dir: isText, after: isNumber })),
  asserted: isOptional(isList(hasFields({ path: isText, info: isLocalFileInfo }))),
};
