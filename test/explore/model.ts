import { type Decisions, type Known } from './decisions.js';
import {
  type Budget,
  budgets,
  type Content,
  contentLimit,
  type Contents,
  copy,
  type HostIndex,
  type Placement,
  noPlacement,
  noLook,
  type State,
} from './state.js';

export interface Options {
  readonly hosts: 2 | 3;
  readonly budget: Partial<Record<Budget, number>>;
  /** No entry at first, and no file. */
  readonly empty: boolean;
  /** Contents may look alike by size and second. */
  readonly collide: boolean;
  /** With `collide`: those that look alike have the same fraction of a second, too. */
  readonly exact: boolean;
  /**
   * The last host only has sshd and rsync: no app, no outbox and no scans; the sending host
   * resolves the replaced files that a crash left.
   */
  readonly passive: boolean;
  /** Linking the replaced file and renaming are two steps: the known gap. */
  readonly window: boolean;
  /** The joining host was away for long: no entry knows the file on its disk any more. */
  readonly returning: boolean;
  /** Reading the entry and looking at the disk are two steps. */
  readonly fine: boolean;
  /** Entries remember one replaced version only, instead of the last 16. */
  readonly forgetful: boolean;
  /** No scan looks for what every capture has missed: nothing may wait for one. */
  readonly scanless: boolean;
  /** A capture is written beside its document, where a scan finds the same. */
  readonly beside: boolean;
}

export interface Model {
  readonly options: Options;
  readonly decisions: Decisions;
}

/** Tells of a step that can happen next; `bySystem`: it happens by itself, as often as it can. */
export type Emit = (next: State, label: string, bySystem: boolean) => void;

/** What a returning host has. */
export const forgotten: Content = contentLimit;

export const bit = (i: number): number => 1 << i;
export const has = (set: number, i: number): boolean => ((set >> i) & 1) === 1;
export const nameOf = (host: HostIndex): string => 'ABC'[host] ?? '?';
export const nameOfContent = (content: Content): string => '-0abcdef'[content] ?? '?';

export function left(state: State, what: Budget): number {
  return state.budget[budgets.indexOf(what)] ?? 0;
}

/** A copy in which `what` may happen once less. */
export function spend(state: State, what: Budget): State {
  const next = copy(state),
    i = budgets.indexOf(what);
  next.budget[i] = (next.budget[i] ?? 0) - 1;
  return next;
}

export function hostOf(state: State, host: HostIndex): State['hosts'][number] {
  const found = state.hosts[host];
  if (!found) throw new Error(`no host ${host}`);
  return found;
}

export function isJoining(model: Model, host: HostIndex): boolean {
  return (model.options.budget.joins ?? 0) > 0 && host === model.options.hosts - 1;
}
export function isPassive({ options }: Model, host: HostIndex): boolean {
  return options.passive && host === options.hosts - 1;
}
export function takesPart(model: Model, state: State, host: HostIndex): boolean {
  return !hostOf(state, host).retired && !(isJoining(model, host) && !state.joined);
}
export function isUp(model: Model, state: State, host: HostIndex): boolean {
  return takesPart(model, state, host) && !hostOf(state, host).down;
}

/** Hosts whose entries may be taken over: retired ones, and those without a process. */
export function goneHosts(model: Model, state: State): number {
  return state.hosts.reduce(
    (gone, _, host) => gone | (isUp(model, state, host) ? 0 : bit(host)),
    0,
  );
}

/** The hosts for which a version made on `host` is pending. */
export function wantedBy(model: Model, state: State, host: HostIndex, listed: boolean): number {
  return state.hosts.reduce(
    (set, other, i) =>
      set |
      (i === host || other.retired || (isJoining(model, i) && !(state.joined && listed))
        ? 0
        : bit(i)),
    0,
  );
}

/**
 * The contents that exist on these hosts, or on their way. Files in the trash count as gone,
 * except under a tombstone.
 */
export function contentsOn(state: State, hosts: number): Contents {
  let all = 0;
  state.hosts.forEach((host, i) => {
    if (has(hosts, i)) all |= bit(host.disk) | host.replaced | host.conflicts | host.grave;
  });
  // A placed file lies at the path, and in tmp no more.
  for (const { step, content, moved } of state.placements)
    all |=
      bit(step === 'sent' || step === 'linked' ? content : 0) | bit(step === 'free' ? 0 : moved);
  return all & ~1;
}

/** The current bytes in the host's own `.syncmedia`, the replaced file of a placement too. */
export function ownCopy(
  model: Model,
  state: State,
  host: HostIndex,
  entry: number,
  late?: 'late',
): Content {
  const { replaced, conflicts, trash, grave } = hostOf(state, host);
  let all = late ? replaced | conflicts : replaced | conflicts | trash | grave;
  for (const placement of state.placements)
    if (holdsReplaced(placement, host)) all |= bit(placement.moved);
  for (let content = 1; all >> content; content++) {
    if (
      has(all, content) &&
      model.decisions.fileState(state, entry, host, content, true) === 'current'
    )
      return content;
  }
  return 0;
}

/** A file that a placement has replaced before the host captured it. */
export function uncaptured(model: Model, state: State, host: HostIndex, entry: number): Content {
  let all = hostOf(state, host).replaced;
  for (const placement of state.placements)
    if (holdsReplaced(placement, host)) all |= bit(placement.moved);
  for (let content = 1; all >> content; content++) {
    if (has(all, content) && model.decisions.fileState(state, entry, host, content) === 'unknown')
      return content;
  }
  return 0;
}

export function holdsReplaced({ step, to, moved }: Placement, host: HostIndex): boolean {
  return (
    (step === 'linked' || step === 'placed' || step === 'resolved') && to === host && moved !== 0
  );
}

/**
 * Takes a copy out of the host's own `.syncmedia`, or only out of its unresolved replaced files;
 * false where it is no longer there.
 */
export function takeCopy(
  state: State,
  host: HostIndex,
  content: Content,
  where: 'anywhere' | 'replaced' = 'anywhere',
): boolean {
  const own = hostOf(state, host),
    gone = ~bit(content);
  if (has(own.replaced, content)) {
    own.replaced &= gone;
    return true;
  }
  const placement = state.placements.find(
    (one) => holdsReplaced(one, host) && one.moved === content,
  );
  if (placement) {
    placement.moved = 0;
    return true;
  }
  if (where === 'replaced') return false;
  for (const area of ['trash', 'grave', 'conflicts'] as const)
    if (has(own[area], content)) {
      own[area] &= gone;
      return true;
    }
  return false;
}

export function place(state: State, host: HostIndex, content: Content): void {
  takeAway(state, host);
  const own = hostOf(state, host);
  own.disk = content;
  own.vanished = false;
}

/** Nothing lies at the path any more; the next file there is another one, even with its content. */
export function takeAway(state: State, host: HostIndex): void {
  const own = hostOf(state, host);
  own.disk = 0;
  own.stamped = false;
  own.byApp = false;
  own.redated = 0;
  if (own.look.sameFile) own.look = { ...own.look, sameFile: false };
}

export function known(model: Model, state: State): Known | undefined {
  return model.decisions.known(state.entry);
}

/**
 * The app replaces or removes what lies there. It may do so with bytes that nobody else has, and
 * with what it wrote itself.
 */
export function appTakesAway(state: State, host: HostIndex): void {
  const own = hostOf(state, host),
    content = own.disk;
  if (!content) return;
  own.discarded |= bit(content);
  const isElsewhere =
    state.hosts.some(
      (other, i) =>
        i !== host &&
        has(bit(other.disk) | other.replaced | other.conflicts | other.grave, content),
    ) ||
    state.placements.some(
      (placement) =>
        placement.to !== host &&
        holdsReplaced(placement, placement.to) &&
        placement.moved === content &&
        placement.content !== content,
    );
  if (!isElsewhere || own.written === content) state.precious &= ~bit(content);
}

/** The entry gets another version: earlier reads no longer count. */
export function writeVersion(state: State, entry: number, host: HostIndex): void {
  state.entry = entry;
  for (const one of state.hosts)
    if (one.look.step !== 'none') one.look = { ...one.look, sameVersion: false, sameOrigin: false };
  for (const placement of state.placements) placement.sameVersion = false;
  const own = hostOf(state, host);
  state.precious &= ~own.discarded;
  own.discarded = 0;
}

/**
 * Whether a save of this host names the path, or is about to: a scan leaves to it what it may mean.
 */
export function isAwaited(state: State, host: HostIndex): boolean {
  const { named, asserted, written, disk } = hostOf(state, host);
  return named > 0 || asserted > 0 || (written !== 0 && written === disk);
}

/** What must hold after a host captured `content`; `held`: it had the version that is replaced. */
export function writeFile(
  model: Model,
  state: State,
  entry: number,
  host: HostIndex,
  content: Content,
  held: boolean,
): void {
  const before = known(model, state),
    own = hostOf(state, host);
  if (before?.current && before.current !== content && held) {
    state.precious &= ~bit(before.current);
    state.buried |= bit(before.current);
  }
  state.buried |= own.discarded & ~bit(content) & ~bit(own.written) & ~bit(own.disk);
  writeVersion(state, entry, host);
  if (has(contentsOn(state, 7), content)) state.precious |= bit(content);
  own.stamped = model.options.exact && own.look.sameFile;
}

export function writeTombstone(model: Model, state: State, entry: number, host: HostIndex): void {
  const current = known(model, state)?.current ?? 0;
  if (current) {
    // Where a document names it by now it is to come back.
    if (!state.isNamed) state.buried |= bit(current);
    state.precious &= ~bit(current);
  }
  writeVersion(state, entry, host);
}

export function replaceOrigin(state: State, entry: number): void {
  state.entry = entry;
  for (const one of state.hosts)
    if (one.look.step !== 'none') one.look = { ...one.look, sameOrigin: false };
}

/** Everywhere the same file, named by a record; or nothing yet. */
export function startState({ options, decisions }: Model): State {
  const { hosts, budget, empty } = options;
  const joins = (budget.joins ?? 0) > 0;
  const state: State = {
    entry: 0,
    placements: [{ ...noPlacement }, { ...noPlacement }],
    joined: false,
    ready: false,
    contents: 1,
    alike: Array.from({ length: 8 }, () => 0),
    isNamed: !empty,
    precious: empty ? 0 : bit(1),
    buried: 0,
    must: 0,
    budget: budgets.map((what) => budget[what] ?? 0),
    hosts: Array.from({ length: hosts }, (_, i) => ({
      disk: joins && i === hosts - 1 ? (options.returning ? forgotten : 0) : empty ? 0 : 1,
      replaced: 0,
      conflicts: 0,
      trash: 0,
      grave: 0,
      dated: i === 0 && !empty ? bit(1) : 0,
      named: 0,
      left: false,
      asserted: 0,
      assertedDated: false,
      written: 0,
      putBack: false,
      saving: 0,
      kept: false,
      taken: 0,
      stamped: false,
      byApp: false,
      redated: 0,
      discarded: 0,
      vanished: false,
      down: false,
      retired: false,
      listed: !joins,
      look: noLook,
    })),
  };
  if (empty) return state;
  const others = hosts - (joins ? 1 : 0);
  let entry = decisions.newVersion(state, 0, 0, 1, (1 << others) - 2);
  for (let host = 1; host < others; host++) entry = decisions.acknowledge(entry, host, true);
  return { ...state, entry };
}
