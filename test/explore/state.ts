/** A content: 0 is no file, 1 to 7 are bytes the app wrote, in the order in which it did. */
export type Content = number;
/** Bit i is content i. */
export type Contents = number;
/** 0, 1, 2: A, B, C. */
export type HostIndex = number;

/** How often the app and misfortune may still act. */
export const budgets = ['writes', 'unlinks', 'deletes', 'edits', 'names', 'restores', 'fetches', 'crashes', 'late', 'pauses', 'retires', 'joins'] as const;
export type Budget = (typeof budgets)[number];

/** Why a host looks at the path: captures that name it, that left it, that assert it; or a scan. */
export const reasons = ['none', 'named', 'left', 'asserted', 'scan'] as const;
export type Reason = (typeof reasons)[number];

/** `read`: the entry is read, the disk is not looked at yet; `decided`: both are, the compare-and-set is to come. */
export const lookSteps = ['none', 'read', 'decided'] as const;
export const answers = ['nothing', 'new-version', 'hold', 'owe', 'leave', 'restore', 'trash', 'tombstone'] as const;

/** One fold or scan under way. */
export interface Look {
  step: (typeof lookSteps)[number];
  why: Reason;
  seen: Content;
  answer: (typeof answers)[number];
  /** Read: the entry as it was. Decided: the entry to be written, where it is to be one. */
  entry: number;
  /** Whether the entry still has the version, and the sender, that it had when it was read. */
  sameVersion: boolean;
  sameSender: boolean;
  /** Whether the host held the entry as it was read; only what must hold is told by it. */
  held: boolean;
  /** Whether the host list it folds by has the joining host. */
  listed: boolean;
}

export interface HostState {
  disk: Content;
  /** Left by a crash, not judged yet. */
  aside: Contents;
  conflicts: Contents;
  /** Replaced and known to be over: cleaned by age and size, so it counts as gone. */
  trash: Contents;
  /** Removed under a tombstone: counts as there. */
  grave: Contents;
  /** Contents whose nanoseconds this disk has. */
  dated: Contents;
  /** Rows of the outbox: how many that name the path, whether one has left it, and what one asserts to be news there. */
  named: number;
  left: boolean;
  asserted: Content;
  /** Written by the app, not saved yet; to be saved by asserting it. */
  written: Content;
  asserting: boolean;
  /** Taken away by the app since the last version captured here. */
  replaced: Contents;
  /** The app unlinked it without telling. */
  vanished: boolean;
  /** Nobody holds its lease. */
  down: boolean;
  retired: boolean;
  /** Its host list has the joining host. */
  listed: boolean;
  look: Look;
}

export const landingSteps = ['free', 'sent', 'linked', 'placed', 'judged', 'landed'] as const;
export const landingKinds = ['put', 'remove', 'fetch', 'restore', 'trash'] as const;
export const verdicts = ['none', 'drop', 'trash', 'conflict', 'put-back', 'return'] as const;

/** `sent`: complete in tmp; `linked`: what lies there has a second name aside; `placed`: renamed, what was there is aside. */
export interface Landing {
  step: (typeof landingSteps)[number];
  kind: (typeof landingKinds)[number];
  from: HostIndex;
  to: HostIndex;
  content: Content;
  moved: Content;
  verdict: (typeof verdicts)[number];
  putBacks: number;
  /** Whether the entry still has the version that is landing. */
  sameVersion: boolean;
  /** The entry that was read before: only for the mutation that judges by it. */
  read: number;
  /** late: its process is gone, the rename still comes; paused: its process goes on, while another one has the lease. */
  driver: 'there' | 'late' | 'paused';
}
const drivers = ['there', 'late', 'paused'] as const;

export interface State {
  /** Index of the entry; 0: none. */
  entry: number;
  hosts: HostState[];
  /** Under way, of all lanes together; more of them would only multiply the states. */
  landings: [Landing, Landing];
  joined: boolean;
  ready: boolean;
  /** How many contents there are; of each, which one it looks like by size and second. */
  contents: number;
  alike: Content[];
  /** A record names the path. */
  isNamed: boolean;
  /** Contents that nobody who had them replaced or deleted: they must be somewhere. */
  precious: Contents;
  /** Contents that somebody who had them replaced or deleted: they must not win again. */
  buried: Contents;
  budget: number[];
}

export const noLook: Look = { step: 'none', why: 'none', seen: 0, answer: 'nothing', entry: 0, sameVersion: false, sameSender: false, held: false, listed: false };
export const noLanding: Landing = {
  step: 'free', kind: 'put', from: 0, to: 0, content: 0, moved: 0, verdict: 'none', putBacks: 0, sameVersion: false, read: 0, driver: 'there',
};

export function copy(state: State): State {
  return {
    ...state, hosts: state.hosts.map((host) => ({ ...host })), landings: [{ ...state.landings[0] }, { ...state.landings[1] }],
    budget: state.budget.slice(),
  };
}

/** How many contents there can be. */
export const contentLimit = 7;

const hostBytes = 13, landingBytes = 6;

/** Bytes that a state takes; whole words. */
export function sizeOf(hosts: number): number {
  const bytes = 2 + hosts * hostBytes + 2 * landingBytes + 4 + 4 + budgets.length;
  return Math.ceil(bytes / 4) * 4;
}

const flags = (...some: boolean[]): number => some.reduce((all, flag, i) => all | (flag ? 1 << i : 0), 0);
const flag = (all: number, i: number): boolean => (all >> i & 1) === 1;

/** Writes a state into `bytes` from `at` on. Two states are the same if their bytes are. */
export function encode(state: State, bytes: Uint8Array, start: number): void {
  let at = start;
  const put = (value: number): void => { bytes[at++] = value; };
  put(state.entry & 255); put(state.entry >> 8);
  for (const host of state.hosts) {
    const { look } = host;
    put(host.disk | (host.written << 3)); put(host.aside); put(host.conflicts); put(host.trash); put(host.grave); put(host.dated); put(host.replaced);
    put(host.named | (flags(host.left, host.asserting, host.vanished) << 2) | (host.asserted << 5));
    put(flags(host.down, host.retired, host.listed));
    put(lookSteps.indexOf(look.step) | (reasons.indexOf(look.why) << 2) | (flags(look.sameVersion, look.sameSender, look.listed) << 5));
    put(look.seen | (answers.indexOf(look.answer) << 3) | (look.held ? 64 : 0)); put(look.entry & 255); put(look.entry >> 8);
  }
  const [one, other] = state.landings.map(encodeLanding) as [number[], number[]];
  const inOrder = isBefore(one, other);
  for (const value of inOrder ? one : other) put(value);
  for (const value of inOrder ? other : one) put(value);
  put(flags(state.joined, state.ready, state.isNamed) | (state.contents << 3)); put(state.precious); put(state.buried);
  for (let i = 1; i <= contentLimit; i += 2) put((state.alike[i] ?? 0) | ((state.alike[i + 1] ?? 0) << 3));
  for (const left of state.budget) put(left);
}

function encodeLanding(landing: Landing): number[] {
  if (landing.step === 'free') return [0, 0, 0, 0, 0, 0];
  const { step, kind, from, to, content, moved, verdict, putBacks, sameVersion, read, driver } = landing;
  return [
    landingSteps.indexOf(step) | (landingKinds.indexOf(kind) << 3), from | (to << 2) | (drivers.indexOf(driver) << 4) | (sameVersion ? 64 : 0),
    content | (moved << 3), verdicts.indexOf(verdict) | (putBacks << 3), read & 255, read >> 8,
  ];
}

/** The lanes have no order: two landings are the same whichever comes first. */
function isBefore(one: number[], other: number[]): boolean {
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return (one[i] ?? 0) > (other[i] ?? 0);
  return true;
}

export function decode(bytes: Uint8Array, start: number, hosts: number): State {
  let at = start;
  const take = (): number => bytes[at++] as number;
  const entry = take() | (take() << 8);
  const all = Array.from({ length: hosts }, (): HostState => {
    const [disk, aside, conflicts, trash, grave, dated, replaced, rows, more, how, seen] = Array.from({ length: 11 }, take) as
      [number, number, number, number, number, number, number, number, number, number, number];
    const lookEntry = take() | (take() << 8);
    return {
      disk: disk & 7, written: disk >> 3, aside, conflicts, trash, grave, dated, replaced, named: rows & 3, asserted: rows >> 5,
      left: flag(rows, 2), asserting: flag(rows, 3), vanished: flag(rows, 4),
      down: flag(more, 0), retired: flag(more, 1), listed: flag(more, 2),
      look: {
        step: pick(lookSteps, how & 3), why: pick(reasons, how >> 2 & 7), sameVersion: flag(how, 5), sameSender: flag(how, 6), listed: flag(how, 7),
        seen: seen & 7, answer: pick(answers, seen >> 3 & 7), held: flag(seen, 6), entry: lookEntry,
      },
    };
  });
  const landings = [0, 1].map((): Landing => {
    const [what, ends, carried, judged, low, high] = Array.from({ length: landingBytes }, take) as [number, number, number, number, number, number];
    return {
      step: pick(landingSteps, what & 7), kind: pick(landingKinds, what >> 3), from: ends & 3, to: ends >> 2 & 3, driver: pick(drivers, ends >> 4 & 3),
      sameVersion: flag(ends, 6), content: carried & 7, moved: carried >> 3, verdict: pick(verdicts, judged & 7), putBacks: judged >> 3, read: low | (high << 8),
    };
  }) as [Landing, Landing];
  const some = take(), precious = take(), buried = take();
  const alike = [0];
  for (let i = 1; i <= contentLimit; i += 2) { const two = take(); alike.push(two & 7, two >> 3); }
  return {
    entry, hosts: all, landings, joined: flag(some, 0), ready: flag(some, 1), isNamed: flag(some, 2), contents: some >> 3, precious, buried, alike,
    budget: Array.from(budgets, take),
  };
}

function pick<T>(list: readonly T[], i: number): T {
  return list[i] as T;
}
