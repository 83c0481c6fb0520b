import { mustCompareContent } from '../../src/decisions/must-compare-content.js';
import {
  makeRevivedEntry,
  makeTombstoneEntry,
  makeVersionEntry,
} from '../../src/decisions/entries.js';
import { resolveReplacedBytes } from '../../src/decisions/resolve-replaced.js';
import {
  findWhy,
  mayStillDelete,
  reconcile,
  reconcileUnreferenced,
} from '../../src/decisions/reconcile.js';
import { findFileState } from '../../src/decisions/file-state.js';
import {
  takeOver,
  applyTransition,
  confirmStamp,
  deriveTransition,
  isUnconcerned,
  mayTakeOver,
  mayDeliver,
  markPending,
  releaseHost,
  acknowledgeDelivery,
  acknowledgeKept,
} from '../../src/decisions/transitions.js';

/**
 * Every decision of the protocol: the functions that the product runs, imported. A mutation
 * replaces one of them.
 */
export const rules = {
  findFileState,
  mustCompareContent,
  findWhy,
  reconcile,
  reconcileUnreferenced,
  mayStillDelete,
  makeVersionEntry,
  makeTombstoneEntry,
  makeRevivedEntry,
  resolveReplacedBytes,
  confirmStamp,
  acknowledgeDelivery,
  acknowledgeKept,
  deriveTransition,
  markPending,
  releaseHost,
  applyTransition,
  mayDeliver,
  mayTakeOver,
  takeOver,
  isUnconcerned,
  /** Those below are no decisions but how they are carried out; a mutation may do it wrongly. */
  buriesUnchecked: false,
  resolvesBeforeRename: false,
  putsBackOver: false,
  capturesWhatIsKept: true,
  acknowledgesBeforeCapture: false,
  forgetsRefused: false,
  announcesOlderBeside: false,
};
export type Rules = typeof rules;
