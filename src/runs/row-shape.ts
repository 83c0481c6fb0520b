import {
  hasFields,
  isBoolean,
  isDate,
  isFailure,
  isList,
  isNumber,
  isOneOf,
  isText,
  orNone,
  type RowShape,
} from '../model/row-shapes.js';

const counts = Object.fromEntries(
  ['same', 'missing', 'extra', 'different', 'repaired'].map((name) => [name, orNone(isNumber)]),
);
const isAt = { host: isText, path: isText };

/** The fields of a valid row of the runs; see `Run`. */
export const runShape: RowShape = {
  _id: isText,
  kind: isOneOf('push', 'pull', 'verify', 'adopt', 'bootstrap'),
  at: isText,
  hosts: isList(isText),
  dirs: isList(isText),
  dryRun: isBoolean,
  repair: orNone(isBoolean),
  state: isOneOf('asked', 'running', 'done', 'failed', 'cancelled'),
  files: isNumber,
  bytes: isNumber,
  filesFound: orNone(isNumber),
  bytesFound: orNone(isNumber),
  bytesPerSecond: orNone(isNumber),
  secondsLeft: orNone(isNumber),
  findings: orNone(isList(hasFields({ host: isText, ...counts }))),
  foundAt: orNone(isList(hasFields({ ...isAt, is: isOneOf('missing', 'extra', 'different') }))),
  failures: isList(hasFields({ host: isText, failure: isFailure })),
  wouldTransfer: orNone(isList(hasFields(isAt))),
  failure: orNone(isFailure),
  askedAt: isDate,
  startedAt: orNone(isDate),
  endedAt: orNone(isDate),
  askedBy: isText,
};
