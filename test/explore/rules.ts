import { mustCompare } from '../../src/planning/compare-content.js';
import { makeRevived, makeTombstone, makeVersion } from '../../src/planning/entries.js';
import { judgeAside } from '../../src/planning/judge.js';
import { findWhy, mayStillBury, reconcile, reconcileLeft } from '../../src/planning/reconcile.js';
import { findStanding } from '../../src/planning/standing.js';
import { adopt, applyTransition, confirmStamp, follow, lacks, mayAdopt, maySend, owe, release, settle, settleKept } from '../../src/planning/transitions.js';

/** Every decision of the protocol: the functions that the product runs, imported. A mutation replaces one of them. */
export const rules = {
  findStanding, mustCompare, findWhy, reconcile, reconcileLeft, mayStillBury, makeVersion, makeTombstone, makeRevived, judgeAside, confirmStamp, settle, settleKept, follow, owe, release, applyTransition, maySend, mayAdopt, adopt, lacks,
  /** Those below are no decisions but how they are carried out; a mutation may do it wrongly. */
  buriesUnchecked: false,
  judgesBeforeRename: false,
  putsBackOver: false,
  capturesWhatIsKept: true,
};
export type Rules = typeof rules;
