import {
  hasFields,
  isBoolean,
  isDate,
  isFailure,
  isList,
  isNumber,
  isOneOf,
  isText,
  isOptional,
  type RowShape,
} from '../model/row-shapes.js';

const counts = Object.fromEntries(
  ['same', 'missing', 'extra', 'different', 'repaired'].map((name) => [name, isOptional(isNumber)]),
);
const isTransferReason = isOneOf('missing', 'older', 'different');
const hostAndPath = { host: isText, path: isText };

/** The fields of a valid row of the runs; see `Run`. */
export const runShape: RowShape = {
  _id: isText,
  kind: isOneOf('push', 'pull', 'verify', 'adopt', 'bootstrap', 'restore'),
  at: isText,
  hosts: isList(isText),
  dirs: isList(isText),
  dryRun: isBoolean,
  repair: isOptional(isBoolean),
  restores: isOptional(
    hasFields({
      dir: isText,
      keptAs: isText,
      kept: isOptional(isText),
      current: isOptional(isText),
    }),
  ),
  restoresTo: isOptional(isDate),
  restoresBefore: isOptional(isDate),
  leftOut: isOptional(
    isList(
      hasFields({
        why: isOneOf('no version', 'removed then', 'hash only'),
        count: isNumber,
        paths: isList(isText),
      }),
    ),
  ),
  state: isOneOf('requested', 'running', 'done', 'failed', 'cancelled'),
  files: isNumber,
  bytes: isNumber,
  filesFound: isOptional(isNumber),
  bytesFound: isOptional(isNumber),
  from: isOptional(isText),
  bytesPerSecond: isOptional(isNumber),
  secondsLeft: isOptional(isNumber),
  findings: isOptional(isList(hasFields({ host: isText, ...counts }))),
  pathFindings: isOptional(
    isList(hasFields({ ...hostAndPath, finding: isOneOf('missing', 'extra', 'different') })),
  ),
  failures: isList(hasFields({ host: isText, failure: isFailure })),
  wouldTransfer: isOptional(
    isList(
      hasFields({
        ...hostAndPath,
        size: isOptional(isNumber),
        why: isOptional(isTransferReason),
      }),
    ),
  ),
  transferReasons: isOptional(isList(hasFields({ why: isTransferReason, count: isNumber }))),
  failure: isOptional(isFailure),
  requestedAt: isDate,
  startedAt: isOptional(isDate),
  scannedAt: isOptional(isDate),
  endedAt: isOptional(isDate),
  requestedBy: isText,
};
