import type { ReplacedBytes } from '../../src/decisions/resolve-replaced.js';
import type { Evidence, ReconcileSituation } from '../../src/decisions/reconcile.js';
import { haveSameSizeAndTime } from '../../src/decisions/file-state.js';
import { markHeld, type Transition } from '../../src/decisions/transitions.js';
import type { Entry } from '../../src/model/entry.js';
import type { LocalFileInfo } from '../../src/model/file.js';
import type { Resolution } from '../../src/model/resolution.js';
import { Decisions } from './decisions.js';
import type { Model, Options } from './model.js';
import { rules, type Rules } from './rules.js';
import { explore, type Explored } from './search.js';
import type { Budget } from './state.js';

/** A wrong decision that someone might write, and where it shows. */
export interface Mutation {
  readonly name: string;
  readonly says: string;
  readonly rules: Partial<Rules>;
  readonly budget: Partial<Record<Budget, number>>;
  readonly options?: Partial<Options>;
  /** It shows only after a million states: not in `npm test`. */
  readonly isSlow?: true;
}

export const plain: Options = {
  hosts: 2,
  budget: {},
  empty: false,
  collide: false,
  exact: false,
  window: false,
  passive: false,
  returning: false,
  fine: false,
  forgetful: false,
  scanless: false,
  beside: false,
};

/** Changes a resolution, whether it needed the hash of the bytes or not. */
function changeResolution(
  change: (resolution: Resolution, replaced: ReplacedBytes) => Resolution,
): Rules['resolveReplacedBytes'] {
  return ((replaced: ReplacedBytes, hashed?: { sha256: string | undefined }) => {
    const resolution = hashed
      ? rules.resolveReplacedBytes(replaced, hashed)
      : rules.resolveReplacedBytes(replaced);
    return resolution && change(resolution, replaced);
  }) as Rules['resolveReplacedBytes'];
}

function withoutOrphaned({ orphaned: _, ...rest }: Transition): Transition {
  return rest;
}

const crashes = { crashes: 1, late: 1 };

export const mutations: readonly Mutation[] = [
  {
    name: 'acknowledge-without-fence',
    says: 'a delivery is acknowledged although the entry moved on',
    rules: { acknowledgeDelivery: (_now, _version, hosts) => markHeld(hosts) },
    budget: { writes: 2 },
    options: { passive: true },
  },
  {
    name: 'resolve-by-an-earlier-read',
    says: 'a replaced file is resolved by the entry that was read before the rename',
    rules: { resolvesBeforeRename: true },
    budget: { writes: 2 },
    options: { hosts: 3, passive: true },
  },
  {
    name: 'take-over-only-from-gone',
    says: 'a holder takes over only from an origin that is gone, not from one that lost the bytes',
    rules: {
      mayTakeOver: (entry, me, gone) =>
        rules.mayTakeOver(entry, me, gone) && gone.includes(entry.origin),
    },
    budget: { writes: 1, unlinks: 1 },
    options: { hosts: 3 },
  },
  {
    name: 'pending-keeps-the-origin',
    says: 'an origin that is pending for its own entry keeps it',
    rules: {
      markPending: (entry, hosts) => withoutOrphaned(rules.markPending(entry, hosts)),
      acknowledgeDelivery: (now, version, hosts) =>
        withoutOrphaned(rules.acknowledgeDelivery(now, version, hosts)),
      deriveTransition: (answer, entry, me) => {
        const next = rules.deriveTransition(answer, entry, me);
        return next && answer === 'mark-pending' ? withoutOrphaned(next) : next;
      },
    },
    budget: { writes: 2, unlinks: 1 },
  },
  {
    name: 'capture-old-versions',
    says: 'a file with the info of an old version is a new version',
    rules: {
      reconcile: (situation) =>
        situation.state === 'superseded' || situation.state === 'conflicting'
          ? 'new-version'
          : rules.reconcile(situation),
    },
    budget: { writes: 1, ...crashes },
  },
  {
    name: 'put-back-over-a-file',
    says: 'putting back overwrites the file at the path',
    rules: { putsBackOver: true },
    budget: { writes: 2, crashes: 1 },
    options: { forgetful: true },
  },
  {
    name: 'nothing-is-lost',
    says: 'a version replaced by a host that did not hold it is old like any other',
    rules: {
      makeVersionEntry: (before, facts, write) => {
        const made = rules.makeVersionEntry(before, facts, write);
        return {
          ...made,
          superseded: made.superseded.map((old) => ({ ...old, conflicting: false })),
        };
      },
    },
    budget: { writes: 1, joins: 1, ...crashes },
  },
  {
    name: 'no-self-restore',
    says: 'a pending host does not help itself from its own .syncmedia',
    rules: {
      reconcile: (situation) =>
        rules.reconcile({ ...situation, evidence: { ...situation.evidence, ownCopy: false } }),
    },
    budget: { writes: 1, joins: 1, ...crashes },
  },
  {
    name: 'has-it-waits',
    says: 'an unconcerned host that has the current version does not hold it',
    rules: {
      reconcile: (situation) => {
        const { entry, me, state } = situation;
        return state === 'current' && entry && rules.isUnconcerned(entry, me)
          ? 'nothing'
          : rules.reconcile(situation);
      },
    },
    budget: { writes: 1, unlinks: 2, ...crashes },
  },
  {
    name: 'pending-only-for-holders',
    says: 'an unconcerned host that has an old version does not become pending',
    rules: {
      reconcile: (situation) => {
        const { entry, me, state } = situation;
        return (state === 'superseded' || state === 'conflicting') &&
          entry?.kind === 'file' &&
          rules.isUnconcerned(entry, me)
          ? 'nothing'
          : rules.reconcile(situation);
      },
    },
    budget: { writes: 2, unlinks: 1, ...crashes },
    isSlow: true,
  },
  {
    name: 'unknown-to-the-trash',
    says: 'a replaced file that the ledger does not know goes to the trash',
    rules: {
      resolveReplacedBytes: changeResolution((resolution, { by }) =>
        resolution === 'conflict' && by === 'replaced' ? 'trash' : resolution,
      ),
    },
    budget: { writes: 1, joins: 1 },
  },
  {
    name: 'new-bytes-are-a-conflict',
    says: 'a file that the app has written since, and no host captured yet, loses to a delivery',
    rules: {
      resolveReplacedBytes: changeResolution((resolution, { by, entry, info: found }) =>
        resolution === 'put-back' &&
        by === 'replaced' &&
        entry !== undefined &&
        !isKnown(entry, found)
          ? 'conflict'
          : resolution,
      ),
    },
    budget: { writes: 2, fetches: 1 },
  },
  {
    name: 'leftovers-to-the-trash',
    says: 'a replaced file that a crash left goes to the trash',
    rules: {
      resolveReplacedBytes: changeResolution((resolution, { by }) =>
        by === 'leftover' ? 'trash' : resolution,
      ),
    },
    budget: { writes: 2, ...crashes },
  },
  {
    name: 'removal-keeps-its-file',
    says: 'a removal does not put back a file that the tombstone did not mean',
    rules: {
      resolveReplacedBytes: changeResolution((resolution, { by }) =>
        by === 'removed' ? 'trash' : resolution,
      ),
    },
    budget: { writes: 1, deletes: 1, unlinks: 1 },
  },
  {
    name: 'tombstone-takes-all',
    says: 'under a tombstone a host trashes unknown files, too',
    rules: {
      reconcile: (situation) =>
        situation.entry?.kind === 'tombstone' && situation.state === 'unknown'
          ? 'trash'
          : rules.reconcile(situation),
    },
    budget: { writes: 1, deletes: 1, unlinks: 1 },
  },
  {
    name: 'tombstone-waits-for-its-queue',
    says: 'a host does not apply a tombstone by itself',
    rules: {
      reconcile: (situation) =>
        situation.entry?.kind === 'tombstone' && situation.state !== 'unknown'
          ? 'nothing'
          : rules.reconcile(situation),
    },
    budget: { writes: 1, deletes: 1, unlinks: 1, ...crashes },
  },
  {
    name: 'vanished-still-holds',
    says: 'a host whose copy is gone stays among the holders',
    rules: {
      deriveTransition: (answer, entry, me) =>
        answer === 'leave' ? undefined : rules.deriveTransition(answer, entry, me),
    },
    budget: { unlinks: 1 },
  },
  {
    name: 'size-and-time-are-enough',
    says: 'size and second alone identify bytes',
    rules: {
      findFileState: (entry, seen, at) =>
        rules.findFileState(
          bare(entry),
          seen && { size: seen.size, mtime: seen.mtime, nanos: 0 },
          at,
        ),
    },
    budget: { writes: 1 },
    options: { collide: true },
  },
  {
    name: 'forgotten-is-new',
    says: 'unknown bytes are a new version even if the entry has forgotten versions and the host is pending',
    rules: {
      reconcile: (situation) =>
        rules.reconcile(
          situation.entry
            ? {
                ...situation,
                entry: { ...situation.entry, superseded: situation.entry.superseded.slice(-1) },
              }
            : situation,
        ),
    },
    budget: { writes: 2 },
    options: { forgetful: true },
  },
  {
    name: 'kept-is-not-checked',
    says: 'a host does not check the file again that a delivery has kept',
    rules: { capturesWhatIsKept: false },
    budget: { writes: 2 },
    options: { scanless: true },
  },
  {
    name: 'older-is-never-meant',
    says:
      'a save that names an older version, put back on a host that has the current one, is ' +
      'no save of it',
    rules: {
      reconcile: (situation) =>
        rules.reconcile(
          situation.entry?.kind === 'file' && isOlder(situation)
            ? withEvidence({ ...situation, why: 'scan' }, { saveExpected: false })
            : situation,
        ),
    },
    budget: { writes: 1, restores: 1 },
  },
  {
    name: 'late-is-meant',
    says: 'a save means an older version that came late',
    rules: {
      reconcile: (situation) => rules.reconcile(withEvidence(situation, { lateDelivery: false })),
    },
    budget: { writes: 2, edits: 1 },
    options: { scanless: true },
  },
  {
    name: 'uncaptured-is-nothing',
    says:
      'a save means an older version although a late delivery replaced a newer file before it ' +
      'was captured',
    rules: {
      reconcile: (situation) => rules.reconcile(withEvidence(situation, { uncaptured: false })),
    },
    budget: { writes: 3 },
    options: { scanless: true },
  },
  {
    name: 'acknowledgement-is-not-awaited',
    says: 'a save never means an older version on a host where the current one is pending',
    rules: {
      reconcile: (situation) => {
        const answer = rules.reconcile(situation);
        return answer === 'wait' ? 'nothing' : answer;
      },
    },
    budget: { writes: 1, restores: 1 },
  },
  {
    name: 'scan-does-not-wait',
    says: 'a scan does not leave an older version to the save that is about to name it',
    rules: {
      reconcile: (situation) => rules.reconcile(withEvidence(situation, { saveExpected: false })),
    },
    budget: { writes: 1, restores: 1 },
  },
  {
    name: 'removed-is-not-held',
    says: 'a host whose app has removed the file counts as one that never had it',
    rules: {
      deriveTransition: (answer, entry, me, stamp) => {
        const next = rules.deriveTransition(answer, entry, me, stamp);
        return next && answer === 'leave' ? withoutStamp(next) : next;
      },
    },
    budget: { writes: 1, restores: 1, unlinks: 1 },
  },
  {
    name: 'delete-outranks-saves',
    says: 'a save of a file that is back does not win over its delete',
    rules: {
      reconcile: (situation) =>
        rules.reconcile(
          situation.entry?.kind === 'tombstone'
            ? withEvidence(situation, { referenced: false })
            : situation,
        ),
    },
    budget: { unlinks: 1, deletes: 1, restores: 1 },
  },
  {
    name: 'taken-is-gone',
    says: 'a file that a delivered delete took after a save had named it stays in the trash',
    rules: {
      reconcile: (situation) => rules.reconcile(withEvidence(situation, { takenByDelete: false })),
    },
    budget: { unlinks: 1, deletes: 1, names: 1 },
  },
  {
    name: 'bury-and-forget',
    says: 'once a delete is recorded, no search finds documents that have come to name the file',
    rules: { buriesUnchecked: true },
    budget: { unlinks: 1, deletes: 1, names: 1 },
  },
  {
    name: 'touched-is-the-same',
    says:
      'a file with size, date and fraction of the version is the version, even if it was ' +
      'written to',
    rules: {
      mustCompareContent: ({ entry, info: seen }) =>
        entry?.kind === 'tombstone' && seen !== undefined,
    },
    budget: { writes: 1 },
    options: { collide: true, exact: true },
  },
  {
    name: 'redated-is-new',
    says: 'the bytes of the version, written once more with another date, are a version',
    rules: {
      reconcile: (situation) =>
        rules.reconcile(
          situation.state === 'redated' ? { ...situation, state: 'unknown' } : situation,
        ),
    },
    budget: { touches: 2 },
  },
  {
    name: 'missing-stays-missing',
    says:
      'a save that names an older version is no save of it where the current one was ' +
      'captured here, and no host holds it',
    rules: {
      reconcile: (situation) =>
        rules.reconcile(
          situation.entry?.heldBy.length === 0 && isOlder(situation)
            ? { ...situation, why: 'scan' }
            : situation,
        ),
    },
    budget: { writes: 1, restores: 1, edits: 1 },
  },
  {
    name: 'capture-comes-later',
    says: 'a save is acknowledged once its document is stored, whether or not its capture is',
    rules: { acknowledgesBeforeCapture: true },
    budget: { writes: 1, deaths: 1 },
    options: { beside: true, scanless: true },
  },
  {
    name: 'refused-is-forgotten',
    says: 'a capture that the outbox refuses beside its document is not kept',
    rules: { forgetsRefused: true },
    budget: { writes: 1, refusals: 1 },
    options: { beside: true, scanless: true },
  },
  {
    name: 'older-is-announced-beside',
    says: 'the capture of an older version, which no scan finds, is written beside its document, too',
    rules: { announcesOlderBeside: true },
    budget: { writes: 1, restores: 1, refusals: 1, deaths: 1 },
    options: { beside: true },
  },
  {
    name: 'assertion-outlives-its-bytes',
    says: 'an assertion that is processed again is about the bytes that lie there by then',
    rules: { findWhy: (why, seen, asserted) => (seen && asserted ? 'asserted' : why) },
    budget: { writes: 1, restores: 1, fetches: 1, crashes: 1 },
    isSlow: true,
  },
];

function withEvidence(
  situation: ReconcileSituation,
  evidence: Partial<Evidence>,
): ReconcileSituation {
  return { ...situation, evidence: { ...situation.evidence, ...evidence } };
}

function isOlder({ why, state }: ReconcileSituation): boolean {
  return why === 'named' && (state === 'superseded' || state === 'conflicting');
}

function withoutStamp({ stamp: _, ...rest }: Transition): Transition {
  return rest;
}

function isKnown({ info: facts, superseded }: Entry, seen: LocalFileInfo): boolean {
  return [...superseded, ...(facts ? [facts] : [])].some((one) => haveSameSizeAndTime(one, seen));
}

/** The entry as if no content were known. */
function bare(entry: Entry | undefined): Entry | undefined {
  if (!entry?.info) return entry;
  const { sha256: _, ...facts } = entry.info;
  return {
    ...entry,
    info: { ...facts, nanos: 0 },
    superseded: entry.superseded.map(({ sha256: __, ...old }) => old),
  };
}

export function modelOf({ rules: changed, budget, options }: Mutation): Model {
  const all = { ...plain, budget, ...options };
  return { options: all, decisions: new Decisions({ ...rules, ...changed }, all) };
}

/** Explores with the wrong decision until a promise is broken. */
export function findMutation(mutation: Mutation, states = 3_000_000): Explored {
  return explore(modelOf(mutation), { states, untilBroken: true });
}
