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
  findStanding: findFileState,
  mustCompare: mustCompareContent,
  findWhy,
  reconcile,
  reconcileLeft: reconcileUnreferenced,
  mayStillBury: mayStillDelete,
  makeVersion: makeVersionEntry,
  makeTombstone: makeTombstoneEntry,
  makeRevived: makeRevivedEntry,
  judgeAside: resolveReplacedBytes,
  confirmStamp,
  settle: acknowledgeDelivery,
  settleKept: acknowledgeKept,
  follow: deriveTransition,
  owe: markPending,
  release: releaseHost,
  applyTransition,
  maySend: mayDeliver,
  mayAdopt: mayTakeOver,
  adopt: takeOver,
  lacks: isUnconcerned,
  /** Those below are no decisions but how they are carried out; a mutation may do it wrongly. */
  buriesUnchecked: false,
  judgesBeforeRename: false,
  putsBackOver: false,
  capturesWhatIsKept: true,
};
export type Rules = typeof rules;
