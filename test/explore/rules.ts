import { mustCompare } from '../../src/decisions/must-compare-content.js';
import { makeRevived, makeTombstone, makeVersion } from '../../src/decisions/entries.js';
import { judgeAside } from '../../src/decisions/resolve-replaced.js';
import { findWhy, mayStillBury, reconcile, reconcileLeft } from '../../src/decisions/reconcile.js';
import { findStanding } from '../../src/decisions/file-state.js';
import {
  adopt,
  applyTransition,
  confirmStamp,
  follow,
  lacks,
  mayAdopt,
  maySend,
  owe,
  release,
  settle,
  settleKept,
} from '../../src/decisions/transitions.js';

/**
 * Every decision of the protocol: the functions that the product runs, imported. A mutation
 * replaces one of them.
 */
export const rules = {
  findStanding,
  mustCompare,
  findWhy,
  reconcile,
  reconcileLeft,
  mayStillBury,
  makeVersion,
  makeTombstone,
  makeRevived,
  judgeAside,
  confirmStamp,
  settle,
  settleKept,
  follow,
  owe,
  release,
  applyTransition,
  maySend,
  mayAdopt,
  adopt,
  lacks,
  /** Those below are no decisions but how they are carried out; a mutation may do it wrongly. */
  buriesUnchecked: false,
  judgesBeforeRename: false,
  putsBackOver: false,
  capturesWhatIsKept: true,
};
export type Rules = typeof rules;
