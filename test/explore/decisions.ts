import { supersededLimit } from '../../src/decisions/entries.js';
import type { ReconcileAnswer, Evidence } from '../../src/decisions/reconcile.js';
import {
  hasChangedSinceCompared,
  haveSameSizeAndTime,
  removedStamp,
  type FileState,
} from '../../src/decisions/file-state.js';
import type { ReplacedBy, Resolution } from '../../src/model/resolution.js';
import type { Entry } from '../../src/model/entry.js';
import type { HostId } from '../../src/model/host.js';
import type { Path } from '../../src/model/path.js';
import type { LocalFileInfo } from '../../src/model/file.js';
import type { Rules } from './rules.js';
import type { Content, Contents, HostIndex, Reason, State } from './state.js';

/** The decisions answer at once: all evidence is known. */
type Decided = ReconcileAnswer | 'tombstone' | 'revive';

export const hostIds: readonly HostId[] = ['A', 'B', 'C'];
const path = 'uploads/a.jpg' as Path,
  epoch = new Date(2 ** 41),
  forgetfulLimit = 1;
/**
 * Added to the date of bytes, for each host counted from 1, whose app has given them another one.
 */
export const redate = 5_000;

/** What the steps ask of an entry all the time. */
export interface Known {
  readonly entry: Entry;
  readonly current: Content;
  readonly origin: HostIndex;
  readonly held: number;
  readonly pending: number;
}

/**
 * The product's decisions, asked of small numbers. Entries are kept once each, so a state needs
 * only their index and an answer is computed only once. An entry's version is `now`: whoever read
 * an older one knows it by a flag.
 */
export class Decisions {
  private readonly entries: (Known | undefined)[] = [undefined];
  private readonly indexes = new Map<string, number>();
  private readonly answered = new Map<number, unknown>();

  private readonly collide: boolean;
  private readonly exact: boolean;
  private readonly forgetful: boolean;

  /**
   * @param options `forgetful`: entries remember one replaced version only, and count as full with
   *   it
   */
  constructor(
    readonly rules: Rules,
    { collide, exact, forgetful }: { collide: boolean; exact: boolean; forgetful: boolean },
  ) {
    this.collide = collide;
    this.exact = exact;
    this.forgetful = forgetful;
  }

  known(index: number): Known | undefined {
    return this.entries[index];
  }

  /** The entry's bytes and history only, as far as a decision of `host` depends on it. */
  seenBy(index: number, host: HostIndex | undefined): number {
    const entry = this.entries[index]?.entry;
    if (!entry) return 0;
    const me = host === undefined ? undefined : hostIds[host];
    return this.once('seen by', index, host ?? 3, 0, 0, () =>
      this.keep({
        ...entry,
        origin: entry.heldBy.length === 0 && entry.origin === me ? me : another(me),
        stamps: Object.fromEntries(
          Object.entries(entry.stamps ?? {}).filter(([one]) => one === me),
        ),
        heldBy: this.forgetful ? entry.heldBy : onlyOne(entry.heldBy, me),
        pending: entry.pending.filter((one) => one === me),
      }),
    );
  }

  /**
   * File info of a content on a host's own disk: a sent file has lost its nanoseconds.
   */
  private see(state: State, content: Content, dated: Contents, redated = 0): LocalFileInfo {
    const like = (this.collide && state.alike[content]) || content;
    return {
      size: 10 + like,
      mtime: redated * redate + 1_000 + like,
      nanos: (dated >> content) & 1 ? (this.exact ? like : content) : 0,
    };
  }

  /** The file at the path, with its stamp. */
  private seeFile(state: State, host: HostIndex, content: Content): LocalFileInfo {
    const { dated = 0, stamped = false, redated = 0 } = state.hosts[host] ?? {};
    return {
      ...this.see(state, content, dated, redated),
      stamp: stamped ? stampOf(host) : 'another',
    };
  }

  /** Whether a look compares the content of the file at the path with that of the version. */
  compares(state: State, index: number, host: HostIndex, content: Content, row: Reason): boolean {
    if (!content || !this.entries[index]) return false;
    const me = hostIds[host] as HostId;
    return (
      this.rules.mustCompareContent({
        entry: this.entries[index]?.entry,
        info: this.seeFile(state, host, content),
        me,
        why: row === 'scan' ? 'scan' : 'named',
        savedAt: epoch,
      }) !== false
    );
  }

  /** Whether the entry has no stamp of the file at the path for this host. */
  isChanged(state: State, index: number, host: HostIndex, content: Content): boolean {
    const entry = this.entries[index]?.entry;
    return (
      entry !== undefined &&
      content !== 0 &&
      hasChangedSinceCompared(
        entry,
        hostIds[host] as HostId,
        this.seeFile(state, host, content),
      ) !== false
    );
  }

  /** @param at whether it is the file at the path, or a copy */
  fileState(
    state: State,
    index: number,
    host: HostIndex,
    content: Content,
    surely = false,
    at: 'path' | 'copy' = 'copy',
  ): FileState {
    const dated = state.hosts[host]?.dated ?? 0,
      redated = at === 'path' ? (state.hosts[host]?.redated ?? 0) : 0;
    return this.once(
      'fileState',
      index,
      host * 16 + content * 2 + (surely ? 1 : 0),
      this.collisions(state, content),
      ((dated >> content) & 1) + redated * 2,
      () => {
        const entry = this.entries[index]?.entry;
        const look = { onCapturingDisk: entry?.capturedBy === hostIds[host], surely };
        const seen = content ? this.see(state, content, dated, redated) : undefined;
        const found = this.rules.findFileState(entry, seen, look);
        if (!seen || (found !== undefined && found !== 'unknown')) return found ?? 'unknown';
        return (
          this.rules.findFileState(entry, { ...seen, sha256: hashOf(content) }, look) ?? 'unknown'
        );
      },
    );
  }

  reconcile(
    state: State,
    index: number,
    host: HostIndex,
    content: Content,
    row: Reason,
    evidence: Evidence,
  ): Decided {
    const why = row === 'asserted' ? this.findWhy(state, host, content) : row;
    const ready = !this.isNotReady(state, host),
      fileState = this.fileState(
        state,
        index,
        host,
        content,
        this.compares(state, index, host, content, row),
        'path',
      );
    const with_ =
      (ready ? 1 : 0) + (evidence.ownCopy ? 2 : 0) + (state.isNamed ? 4 : 0) + (content ? 8 : 0);
    const more =
      reasonCode[why] +
      (evidence.lateDelivery ? 8 : 0) +
      (evidence.saveExpected ? 16 : 0) +
      (evidence.takenByDelete ? 32 : 0) +
      (evidence.uncaptured ? 64 : 0);
    return this.once(
      'reconcile',
      index,
      host * 64 + fileStates.indexOf(fileState),
      more,
      with_,
      () => {
        const entry = this.asFull(this.entries[index]?.entry),
          me = hostIds[host] as HostId;
        if (why === 'left') {
          const answer = this.rules.reconcileUnreferenced({ entry, isHere: content !== 0, me });
          // A document that names it is asked for last, and keeps it.
          if (answer === 'check')
            return !state.isNamed ? 'nothing' : content ? 'new-version' : 'revive';
          return answer === 'tombstone' && !state.isNamed ? 'tombstone' : 'nothing';
        }
        const answer = this.rules.reconcile({
          entry,
          state: fileState,
          me,
          ready,
          why: why === 'none' ? 'scan' : why,
          removalsHalted: false,
          evidence,
        });
        if (typeof answer !== 'string') throw new Error(`${answer.needs} is known`);
        return answer;
      },
    );
  }

  private findWhy(state: State, host: HostIndex, content: Content): Reason {
    const { dated = 0, asserted = 0, assertedDated = false } = state.hosts[host] ?? {};
    const seen = content ? this.see(state, content, dated) : undefined;
    return this.rules.findWhy(
      'named',
      seen,
      asserted ? this.see(state, asserted, assertedDated ? 1 << asserted : 0) : undefined,
    );
  }

  isNotReady(state: State, host: HostIndex): boolean {
    return state.joined && !state.ready && host === state.hosts.length - 1;
  }

  newVersion(
    state: State,
    before: number,
    host: HostIndex,
    content: Content,
    wanted: number,
  ): number {
    const { dated = 0, redated = 0 } = state.hosts[host] ?? {};
    return this.once(
      'version',
      before,
      host * 8 + content,
      this.collisions(state, content) * 8 + wanted,
      ((dated >> content) & 1) + redated * 2,
      () =>
        this.keep(
          this.rules.makeVersionEntry(
            this.entries[before]?.entry,
            {
              ...this.see(state, content, dated, redated),
              sha256: hashOf(content),
              stamp: stampOf(host),
            },
            {
              path,
              version: 'now',
              me: hostIds[host] as HostId,
              wantedBy: listOf(wanted),
              now: epoch,
            },
          ),
        ),
    );
  }

  tombstone(before: number, host: HostIndex, wanted: number): number {
    const entry = this.entries[before]?.entry;
    if (!entry) throw new Error('a tombstone needs an entry');
    return this.once('tombstone', before, host, wanted, 0, () =>
      this.keep(
        this.rules.makeTombstoneEntry(entry, {
          path,
          version: 'now',
          me: hostIds[host] as HostId,
          wantedBy: listOf(wanted),
          now: epoch,
        }),
      ),
    );
  }

  /** The entry after the answer. @param compared the content was compared */
  follow(index: number, host: HostIndex, answer: ReconcileAnswer, compared = false): number {
    return this.change(
      'follow',
      index,
      host * 32 + answerList.indexOf(answer) * 2 + (compared ? 1 : 0),
      (entry) => {
        const transition = this.rules.deriveTransition(
          answer,
          entry,
          hostIds[host] as HostId,
          compared ? stampOf(host) : undefined,
        );
        return transition ? this.rules.applyTransition(entry, transition) : entry;
      },
    );
  }

  /** The host has compared the content of the file it holds. */
  confirmStamp(index: number, host: HostIndex): number {
    return this.change('confirm', index, host, (entry) =>
      this.rules.applyTransition(
        entry,
        this.rules.confirmStamp(hostIds[host] as HostId, stampOf(host)),
      ),
    );
  }

  /** The file again, over a tombstone of this host's own. */
  revive(index: number, host: HostIndex, wanted: number): number {
    return this.change(
      'revive',
      index,
      host * 8 + wanted,
      (entry) =>
        this.rules.makeRevivedEntry(entry, {
          path,
          version: 'now',
          me: hostIds[host] as HostId,
          wantedBy: listOf(wanted),
          now: epoch,
        }) ?? entry,
    );
  }

  /** Whose date the version has, as `HostState.redated` tells it. */
  datedBy(index: number): number {
    return Math.floor((this.entries[index]?.entry.info?.mtime ?? 0) / redate);
  }

  acknowledge(index: number, host: HostIndex, sameVersion: boolean): number {
    return this.change('acknowledge', index, host * 2 + (sameVersion ? 1 : 0), (entry) =>
      this.rules.applyTransition(
        entry,
        this.rules.acknowledgeDelivery(entry, sameVersion ? 'now' : 'before', [
          hostIds[host] as HostId,
        ]),
      ),
    );
  }

  acknowledgeKept(index: number, host: HostIndex, sameVersion: boolean): number {
    return this.change('acknowledge kept', index, host * 2 + (sameVersion ? 1 : 0), (entry) =>
      this.rules.applyTransition(
        entry,
        this.rules.acknowledgeKept(entry, sameVersion ? 'now' : 'before', hostIds[host] as HostId),
      ),
    );
  }

  /**
   * As `markLackingPending` of the ledger: pending unless it holds the file or is pending already.
   */
  backfill(index: number, host: HostIndex): number {
    return this.change('backfill', index, host, (entry) => {
      const id = hostIds[host] as HostId;
      return this.rules.isUnconcerned(entry, id)
        ? { ...entry, pending: [...entry.pending, id] }
        : entry;
    });
  }

  mayStillBury(index: number, host: HostIndex): boolean {
    return this.rules.mayStillDelete(this.entries[index]?.entry, hostIds[host] as HostId);
  }

  release(index: number, host: HostIndex): number {
    return this.change('release', index, host, (entry) =>
      this.rules.applyTransition(entry, this.rules.releaseHost(hostIds[host] as HostId)),
    );
  }

  mayDeliver(index: number, from: HostIndex, to: HostIndex): boolean {
    const entry = this.entries[index]?.entry;
    return (
      entry !== undefined &&
      this.rules.mayDeliver(entry, hostIds[from] as HostId, hostIds[to] as HostId)
    );
  }

  /**
   * Whether a delivery or a fetch accepts it as the version: equal file info, and equal content if
   * that is known.
   */
  isSource(state: State, index: number, host: HostIndex, content: Content): boolean {
    const facts = this.entries[index]?.entry.info;
    if (!facts || !content) return false;
    return (
      haveSameSizeAndTime(facts, this.see(state, content, state.hosts[host]?.dated ?? 0)) &&
      facts.sha256 === hashOf(content)
    );
  }

  /** The entry once `host` is its origin; unchanged if it may not take over. */
  takeOver(index: number, host: HostIndex, gone: number): number {
    return this.change('take over', index, host * 8 + gone, (entry) => {
      const me = hostIds[host] as HostId;
      return this.rules.mayTakeOver(entry, me, listOf(gone))
        ? this.rules.takeOver(entry, me)
        : entry;
    });
  }

  /** @param remotely another host resolves it, and SFTP gives it no fraction of the mtime */
  resolveReplaced(
    state: State,
    index: number,
    host: HostIndex,
    content: Content,
    by: ReplacedBy,
    sent: 'now' | 'before' | undefined,
    captures: boolean,
    remotely: boolean,
  ): Resolution {
    const dated = remotely ? 0 : (state.hosts[host]?.dated ?? 0);
    const how =
      (byCode[by] * 3 + (sent === undefined ? 0 : sent === 'now' ? 1 : 2)) * 2 + (captures ? 1 : 0);
    return this.once(
      'resolve',
      index,
      host * 8 + content,
      this.collisions(state, content) * 32 + how,
      (dated >> content) & 1,
      () => {
        const replaced = {
          entry: this.asFull(this.entries[index]?.entry),
          info: this.see(state, content, dated),
          at: hostIds[host] as HostId,
          by,
          sent: sent === undefined ? undefined : { version: sent, ruled: false },
          captures,
        };
        return (
          this.rules.resolveReplacedBytes(replaced) ??
          this.rules.resolveReplacedBytes(replaced, { sha256: hashOf(content) })
        );
      },
    );
  }

  /** An entry that has forgotten versions remembers as many as it may. */
  private asFull(entry: Entry | undefined): Entry | undefined {
    if (!this.forgetful || !entry || entry.superseded.length < forgetfulLimit) return entry;
    const filler = Array.from({ length: supersededLimit - forgetfulLimit }, () => ({
      size: 0,
      mtime: 0,
      version: '',
      conflicting: false,
    }));
    return { ...entry, superseded: [...filler, ...entry.superseded] };
  }

  /** Contents may look alike: then what a content is to an entry depends on which. */
  private collisions(state: State, content: Content): number {
    return this.collide ? (state.alike[content] ?? 0) : 0;
  }

  private change(
    what: keyof typeof kinds,
    index: number,
    about: number,
    make: (entry: Entry) => Entry,
  ): number {
    const entry = this.entries[index]?.entry;
    return entry ? this.once(what, index, about, 0, 0, () => this.keep(make(entry))) : 0;
  }

  private once<T>(
    what: keyof typeof kinds,
    index: number,
    a: number,
    b: number,
    c: number,
    make: () => T,
  ): T {
    const key = (((index * 16 + kinds[what]) * 256 + a) * 256 + b) * 16 + c;
    const found = this.answered.get(key);
    if (found !== undefined) return found as T;
    const made = make();
    this.answered.set(key, made);
    return made;
  }

  private keep(made: Entry): number {
    const stamps = Object.entries(made.stamps ?? {})
      .filter(([, stamp]) => this.exact || stamp === removedStamp)
      .sort();
    const entry: Entry = {
      ...made,
      stamps: Object.fromEntries(stamps),
      heldBy: [...made.heldBy].sort(),
      pending: [...made.pending].sort(),
      capturedBy: this.collide || made.kind === 'tombstone' ? made.capturedBy : 'A',
      superseded: (this.forgetful ? made.superseded.slice(-forgetfulLimit) : made.superseded).map(
        (old) => ({ ...old, version: '' }),
      ),
    };
    const key = JSON.stringify([
      entry.kind,
      entry.info,
      entry.superseded,
      entry.origin,
      entry.capturedBy,
      entry.orphaned ?? false,
      entry.heldBy,
      entry.pending,
      stamps,
    ]);
    const found = this.indexes.get(key);
    if (found !== undefined) return found;
    const index = this.entries.length;
    if (index > 0xffff) throw new Error('more than 65,535 entries: widen the field in state.ts');
    this.indexes.set(key, index);
    this.entries.push({
      entry,
      current: contentOf(entry.info?.sha256),
      origin: hostIds.indexOf(entry.origin),
      held: setOf(entry.heldBy),
      pending: setOf(entry.pending),
    });
    return index;
  }
}

const kinds = {
  'seen by': 0,
  fileState: 1,
  reconcile: 2,
  version: 3,
  tombstone: 4,
  follow: 5,
  acknowledge: 6,
  'acknowledge kept': 7,
  backfill: 8,
  release: 9,
  'take over': 10,
  resolve: 11,
  confirm: 12,
  revive: 13,
};
const fileStates: readonly FileState[] = [
  'current',
  'superseded',
  'conflicting',
  'redated',
  'unknown',
  'absent',
];
const answerList: readonly ReconcileAnswer[] = [
  'nothing',
  'wait',
  'new-version',
  'hold',
  'mark-pending',
  'leave',
  'restore',
  'trash',
  'put-back',
  'take-back',
  'redate',
];
const reasonCode = { none: 0, named: 1, left: 2, asserted: 3, scan: 4 };
const byCode = { replaced: 0, removed: 1, leftover: 2, 'put-back': 3 };

/** Whether somebody holds it, and whether this host does, is all that a look asks. */
function onlyOne(holders: readonly HostId[], me: HostId | undefined): HostId[] {
  return me !== undefined && holders.includes(me) ? [me] : holders.length > 0 ? [another(me)] : [];
}

function another(me: HostId | undefined): HostId {
  return hostIds.find((one) => one !== me) ?? 'A';
}

function hashOf(content: Content): string {
  return `content ${content}`;
}
/** Of the file of a host that the entry knows; any other one has another. */
function stampOf(host: HostIndex): string {
  return `of ${hostIds[host]}`;
}
export function contentOf(sha256: string | undefined): Content {
  return sha256 ? Number(sha256.slice(8)) : 0;
}
function listOf(set: number): HostId[] {
  return hostIds.filter((_, i) => (set >> i) & 1);
}
function setOf(list: readonly HostId[]): number {
  return list.reduce((set, id) => set | (1 << hostIds.indexOf(id)), 0);
}
