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
};

/** The verdict where facts can tell, or once the bytes are hashed. */
function changeVerdict(
  change: (resolution: Resolution, aside: ReplacedBytes) => Resolution,
): Rules['judgeAside'] {
  return ((aside: ReplacedBytes, hashed?: { sha256: string | undefined }) => {
    const resolution = hashed ? rules.judgeAside(aside, hashed) : rules.judgeAside(aside);
    return resolution && change(resolution, aside);
  }) as Rules['judgeAside'];
}

function withoutAdoptable({ orphaned: _, ...rest }: Transition): Transition {
  return rest;
}

const crashes = { crashes: 1, late: 1 };

export const mutations: readonly Mutation[] = [
  {
    name: 'settle-without-fence',
    says: 'a delivery is settled although the entry moved on',
    rules: { settle: (_now, _landed, hosts) => markHeld(hosts) },
    budget: { writes: 2 },
    options: { passive: true },
  },
  {
    name: 'judge-by-what-was-read-before',
    says: 'what a landing replaced is judged by the entry read before the rename',
    rules: { judgesBeforeRename: true },
    budget: { writes: 2 },
    options: { hosts: 3, passive: true },
  },
  {
    name: 'adopt-only-from-gone',
    says: 'a holder adopts only from a sender that is gone, not from one that lost the bytes',
    rules: {
      mayAdopt: (entry, me, gone) => rules.mayAdopt(entry, me, gone) && gone.includes(entry.origin),
    },
    budget: { writes: 1, unlinks: 1 },
    options: { hosts: 3 },
  },
  {
    name: 'owe-keeps-the-sender',
    says: 'a sender that is owed its own entry is not to be adopted from',
    rules: {
      owe: (entry, hosts) => withoutAdoptable(rules.owe(entry, hosts)),
      settle: (now, landed, hosts) => withoutAdoptable(rules.settle(now, landed, hosts)),
      follow: (answer, entry, me) => {
        const next = rules.follow(answer, entry, me);
        return next && answer === 'mark-pending' ? withoutAdoptable(next) : next;
      },
    },
    budget: { writes: 2, unlinks: 1 },
  },
  {
    name: 'capture-what-is-old',
    says: 'a file with the facts of an old version is news',
    rules: {
      reconcile: (situation) =>
        situation.state === 'superseded' || situation.state === 'conflicting'
          ? 'new-version'
          : rules.reconcile(situation),
    },
    budget: { writes: 1, ...crashes },
  },
  {
    name: 'put-back-over-what-is-there',
    says: 'putting back keeps nothing aside',
    rules: { putsBackOver: true },
    budget: { writes: 2, crashes: 1 },
    options: { forgetful: true },
  },
  {
    name: 'nothing-is-lost',
    says: 'a version replaced by a host that did not hold it is old like any other',
    rules: {
      makeVersion: (before, facts, write) => {
        const made = rules.makeVersion(before, facts, write);
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
    says: 'a host that is owed does not help itself from its own .syncmedia',
    rules: {
      reconcile: (situation) =>
        rules.reconcile({ ...situation, evidence: { ...situation.evidence, ownCopy: false } }),
    },
    budget: { writes: 1, joins: 1, ...crashes },
  },
  {
    name: 'has-it-waits',
    says: 'a host that is not concerned and has the current version does not hold it',
    rules: {
      reconcile: (situation) => {
        const { entry, me, state } = situation;
        return state === 'current' && entry && rules.lacks(entry, me)
          ? 'nothing'
          : rules.reconcile(situation);
      },
    },
    budget: { writes: 1, unlinks: 2, ...crashes },
  },
  {
    name: 'owe-only-holders',
    says: 'a host that is not concerned and has an old version is not owed',
    rules: {
      reconcile: (situation) => {
        const { entry, me, state } = situation;
        return (state === 'superseded' || state === 'conflicting') &&
          entry?.kind === 'file' &&
          rules.lacks(entry, me)
          ? 'nothing'
          : rules.reconcile(situation);
      },
    },
    budget: { writes: 2, unlinks: 1, ...crashes },
    isSlow: true,
  },
  {
    name: 'unknown-to-the-trash',
    says: 'what a landing replaced and the ledger does not know goes to the trash',
    rules: {
      judgeAside: changeVerdict((resolution, { by }) =>
        resolution === 'conflict' && by === 'replaced' ? 'trash' : resolution,
      ),
    },
    budget: { writes: 1, joins: 1 },
  },
  {
    name: 'news-is-a-conflict',
    says: 'what the app has written since, and nobody captured yet, loses to what lands',
    rules: {
      judgeAside: changeVerdict((resolution, { by, entry, info: found }) =>
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
    says: 'what a crash left aside goes to the trash',
    rules: {
      judgeAside: changeVerdict((resolution, { by }) => (by === 'leftover' ? 'trash' : resolution)),
    },
    budget: { writes: 2, ...crashes },
  },
  {
    name: 'removal-keeps-what-it-took',
    says: 'a removal does not put back what the tombstone did not mean',
    rules: {
      judgeAside: changeVerdict((resolution, { by }) => (by === 'removed' ? 'trash' : resolution)),
    },
    budget: { writes: 1, deletes: 1, unlinks: 1 },
  },
  {
    name: 'tombstone-takes-all',
    says: 'under a tombstone a host trashes what it does not know, too',
    rules: {
      reconcile: (situation) =>
        situation.entry?.kind === 'tombstone' && situation.state === 'unknown'
          ? 'trash'
          : rules.reconcile(situation),
    },
    budget: { writes: 1, deletes: 1, unlinks: 1 },
  },
  {
    name: 'tombstone-waits-for-its-lane',
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
      follow: (answer, entry, me) =>
        answer === 'leave' ? undefined : rules.follow(answer, entry, me),
    },
    budget: { unlinks: 1 },
  },
  {
    name: 'facts-are-enough',
    says: 'size and second alone tell what bytes are',
    rules: {
      findStanding: (entry, seen, at) =>
        rules.findStanding(
          bare(entry),
          seen && { size: seen.size, mtime: seen.mtime, nanos: 0 },
          at,
        ),
    },
    budget: { writes: 1 },
    options: { collide: true },
  },
  {
    name: 'forgotten-is-news',
    says: 'what is unknown is news also where the entry has forgotten versions and the host is owed',
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
    name: 'kept-is-not-looked-at',
    says: 'a host does not look again at what a landing has left there',
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
            ? knowing({ ...situation, why: 'scan' }, { saveExpected: false })
            : situation,
        ),
    },
    budget: { writes: 1, restores: 1 },
  },
  {
    name: 'late-is-meant',
    says: 'an older version that came late is what a save means',
    rules: {
      reconcile: (situation) => rules.reconcile(knowing(situation, { lateDelivery: false })),
    },
    budget: { writes: 2, edits: 1 },
    options: { scanless: true },
  },
  {
    name: 'uncaptured-is-nothing',
    says:
      'what a late delivery replaced before it was captured does not keep an older version ' +
      'from being what a save means',
    rules: { reconcile: (situation) => rules.reconcile(knowing(situation, { uncaptured: false })) },
    budget: { writes: 3 },
    options: { scanless: true },
  },
  {
    name: 'acknowledgement-is-not-awaited',
    says: 'an older version on a host that is owed the current one is never what a save means',
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
      reconcile: (situation) => rules.reconcile(knowing(situation, { saveExpected: false })),
    },
    budget: { writes: 1, restores: 1 },
  },
  {
    name: 'removed-is-not-held',
    says: 'a host whose app has removed the file is as one that never had it',
    rules: {
      follow: (answer, entry, me, stamp) => {
        const next = rules.follow(answer, entry, me, stamp);
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
            ? knowing(situation, { referenced: false })
            : situation,
        ),
    },
    budget: { unlinks: 1, deletes: 1, restores: 1 },
  },
  {
    name: 'taken-is-gone',
    says: 'what a delivered delete took after a save had named it stays in the trash',
    rules: {
      reconcile: (situation) => rules.reconcile(knowing(situation, { takenByDelete: false })),
    },
    budget: { unlinks: 1, deletes: 1, names: 1 },
  },
  {
    name: 'bury-and-forget',
    says: 'nobody looks, once a delete is recorded, whether a document has come to name the file',
    rules: { buriesUnchecked: true },
    budget: { unlinks: 1, deletes: 1, names: 1 },
  },
  {
    name: 'touched-is-the-same',
    says:
      'a file with size, date and fraction of the version is the version, whoever has ' +
      'written to it',
    rules: {
      mustCompare: ({ entry, info: seen }) => entry?.kind === 'tombstone' && seen !== undefined,
    },
    budget: { writes: 1 },
    options: { collide: true, exact: true },
  },
  {
    name: 'redated-is-news',
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
      'captured here, and nobody has it',
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
    name: 'assertion-outlives-its-bytes',
    says: 'an assertion folded again is about whatever lies there by then',
    rules: { findWhy: (why, seen, asserted) => (seen && asserted ? 'asserted' : why) },
    budget: { writes: 1, restores: 1, fetches: 1, crashes: 1 },
    isSlow: true,
  },
];

function knowing(situation: ReconcileSituation, evidence: Partial<Evidence>): ReconcileSituation {
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
