/** A content: 0 is no file, 1 to 7 are bytes the app wrote, in the order in which it did. */
export type Content = number;
/** Bit i is content i. */
export type Contents = number;
/** 0, 1, 2: A, B, C. */
export type HostIndex = number;

/** How often the app and misfortune may still act. */
export const budgets = [
  'writes',
  'unlinks',
  'deletes',
  'edits',
  'names',
  'restores',
  'touches',
  'fetches',
  'crashes',
  'late',
  'pauses',
  'retires',
  'joins',
  'refusals',
  'deaths',
] as const;
export type Budget = (typeof budgets)[number];

/** Why a host looks at the path: captures that name it, that left it, that assert it; or a scan. */
export const reasons = ['none', 'named', 'left', 'asserted', 'scan'] as const;
export type Reason = (typeof reasons)[number];

/**
 * `read`: the entry is read, the disk is not looked at yet; `decided`: both are, the
 * compare-and-set is to come.
 */
export const lookSteps = ['none', 'read', 'decided'] as const;
export const answers = [
  'nothing',
  'wait',
  'new-version',
  'hold',
  'mark-pending',
  'leave',
  'restore',
  'trash',
  'tombstone',
  'put-back',
  'take-back',
  'redate',
  'revive',
] as const;

/** One capture being processed, or one scan, under way. */
export interface Look {
  step: (typeof lookSteps)[number];
  why: Reason;
  seen: Content;
  answer: (typeof answers)[number];
  /** Read: the entry as it was. Decided: the entry to be written, where it is to be one. */
  entry: number;
  /** Whether the entry still has the version, and the origin, that it had when it was read. */
  sameVersion: boolean;
  sameOrigin: boolean;
  /** Whether the host held the entry as it was read; only what must hold is told by it. */
  held: boolean;
  /** Whether its host list has the joining host. */
  listed: boolean;
  /** Whether the file that it saw is still the one at the path: any other one has another stamp. */
  sameFile: boolean;
  /** The app had put the seen file there. */
  byApp: boolean;
}

/** How far a save has come: bits of `begun`, `document`, `captured` and `refused`. */
export type Saving = number;

export interface HostState {
  disk: Content;
  /** Replaced files that a crash left, not resolved yet. */
  replaced: Contents;
  conflicts: Contents;
  /** Replaced and known to be over: cleaned by age and size, so it counts as gone. */
  trash: Contents;
  /** Removed under a tombstone: counts as there. */
  grave: Contents;
  /** Contents whose nanoseconds this disk has. */
  dated: Contents;
  /**
   * Rows of the outbox: how many that name the path, whether one lost it, and which content one
   * asserts to be new there.
   */
  named: number;
  left: boolean;
  asserted: Content;
  /** Whether the asserted file had its nanoseconds. */
  assertedDated: boolean;
  /** Written by the app, not saved yet; an older content, put back with its dates. */
  written: Content;
  putBack: boolean;
  /** A save whose capture is written beside its document; see `beside.ts`. */
  saving: Saving;
  /** A capture that only the memory of the process that saved has. */
  kept: boolean;
  /** What a removal has taken from the path while a capture that names it waited. */
  taken: Content;
  /** The file at the path is the one whose stamp the entry has for this host. */
  stamped: boolean;
  /** The app has put it there, no delivery. */
  byApp: boolean;
  /**
   * The host whose app has given the file at the path another date than its bytes were first
   * written with, counted from 1; 0: none.
   */
  redated: number;
  /** Taken away by the app since the last version captured here. */
  discarded: Contents;
  /** The app unlinked it without telling. */
  vanished: boolean;
  /** Nobody holds its lease. */
  down: boolean;
  retired: boolean;
  /** Its host list has the joining host. */
  listed: boolean;
  look: Look;
}

export const placementSteps = ['free', 'sent', 'linked', 'placed', 'resolved', 'done'] as const;
export const placementKinds = ['put', 'remove', 'fetch', 'restore', 'put-back', 'trash'] as const;
export const resolutions = [
  'none',
  'drop',
  'trash',
  'conflict',
  'put-back',
  'put-back-if-absent',
] as const;

/**
 * `sent`: complete in tmp; `linked`: the file at the path has a second name in `replaced`;
 * `placed`: renamed, and the earlier file is in `replaced`.
 */
export interface Placement {
  step: (typeof placementSteps)[number];
  kind: (typeof placementKinds)[number];
  from: HostIndex;
  to: HostIndex;
  content: Content;
  moved: Content;
  resolution: (typeof resolutions)[number];
  putBacks: number;
  /** Whether the entry still has the version that is being placed. */
  sameVersion: boolean;
  /** The entry that was read before: only for the mutation that resolves by it. */
  read: number;
  /**
   * late: its process is gone, the rename still comes; paused: its process goes on, while another
   * one has the lease.
   */
  driver: 'there' | 'late' | 'paused';
}
const drivers = ['there', 'late', 'paused'] as const;

export interface State {
  /** Index of the entry; 0: none. */
  entry: number;
  hosts: HostState[];
  /** Under way, of all delivery queues together; more of them would only multiply the states. */
  placements: [Placement, Placement];
  joined: boolean;
  ready: boolean;
  /** How many contents there are; of each, which one it looks like by size and second. */
  contents: number;
  alike: Content[];
  /** A record names the path. */
  isNamed: boolean;
  /**
   * What a save named while nothing else was under way: it is the current version in the end,
   * unless the app does something else.
   */
  must: Content;
  /** Contents that nobody who had them replaced or deleted: they must be somewhere. */
  precious: Contents;
  /** Contents that somebody who had them replaced or deleted: they must not win again. */
  buried: Contents;
  budget: number[];
}

export const noLook: Look = {
  step: 'none',
  why: 'none',
  seen: 0,
  answer: 'nothing',
  entry: 0,
  sameVersion: false,
  sameOrigin: false,
  held: false,
  listed: false,
  sameFile: false,
  byApp: false,
};
export const noPlacement: Placement = {
  step: 'free',
  kind: 'put',
  from: 0,
  to: 0,
  content: 0,
  moved: 0,
  resolution: 'none',
  putBacks: 0,
  sameVersion: false,
  read: 0,
  driver: 'there',
};

export function copy(state: State): State {
  return {
    ...state,
    hosts: state.hosts.map((host) => ({ ...host })),
    placements: [{ ...state.placements[0] }, { ...state.placements[1] }],
    budget: state.budget.slice(),
  };
}

/** How many contents there can be. */
export const contentLimit = 7;

const hostBytes = 15,
  placementBytes = 5;

/** Bytes that a state takes; whole words. */
export function sizeOf(hosts: number): number {
  return Math.ceil((2 + hosts * hostBytes + 2 * placementBytes + 4 + 4 + budgets.length) / 4) * 4;
}

/**
 * Writes a state into `bytes`. Two states are the same if their bytes are; the queues have no
 * order, so neither have the placements.
 */
export function encode(state: State, bytes: Uint8Array): void {
  let at = writeWord(bytes, 0, state.entry);
  for (const host of state.hosts) at = encodeHost(host, bytes, at);
  const one = packPlacement(state.placements[0]),
    other = packPlacement(state.placements[1]);
  at = writePlacement(bytes, writePlacement(bytes, at, Math.max(one, other)), Math.min(one, other));
  bytes[at++] =
    (state.joined ? 1 : 0) |
    (state.ready ? 2 : 0) |
    (state.isNamed ? 4 : 0) |
    (state.contents << 3);
  bytes[at++] = state.precious;
  bytes[at++] = state.buried;
  bytes[at++] = state.must;
  for (let i = 1; i <= contentLimit; i += 2)
    bytes[at++] = (state.alike[i] ?? 0) | ((state.alike[i + 1] ?? 0) << 3);
  for (let i = 0; i < state.budget.length; i++) bytes[at++] = state.budget[i] ?? 0;
}

function encodeHost(host: HostState, bytes: Uint8Array, start: number): number {
  const { look } = host;
  bytes[start] = host.disk | (host.written << 3);
  bytes[start + 1] = host.replaced;
  bytes[start + 2] = host.conflicts;
  bytes[start + 3] = host.trash;
  bytes[start + 4] = host.grave;
  bytes[start + 5] = host.dated;
  bytes[start + 6] = host.discarded;
  bytes[start + 7] =
    host.named |
    (host.left ? 4 : 0) |
    (host.putBack ? 8 : 0) |
    (host.vanished ? 16 : 0) |
    (host.asserted << 5);
  bytes[start + 8] =
    (host.down ? 1 : 0) |
    (host.retired ? 2 : 0) |
    (host.listed ? 4 : 0) |
    (host.assertedDated ? 8 : 0);
  bytes[start + 9] =
    lookSteps.indexOf(look.step) |
    (reasons.indexOf(look.why) << 2) |
    (look.sameVersion ? 32 : 0) |
    (look.sameOrigin ? 64 : 0) |
    (look.listed ? 128 : 0);
  bytes[start + 10] = look.seen | (answers.indexOf(look.answer) << 3) | (look.held ? 128 : 0);
  bytes[start + 11] =
    host.taken | (host.stamped ? 8 : 0) | (host.byApp ? 16 : 0) | (host.redated << 5);
  bytes[start + 12] =
    (look.sameFile ? 1 : 0) | (look.byApp ? 2 : 0) | (host.kept ? 4 : 0) | (host.saving << 3);
  return writeWord(bytes, start + 13, look.entry);
}

function packPlacement({
  step,
  kind,
  from,
  to,
  content,
  moved,
  resolution,
  putBacks,
  sameVersion,
  read,
  driver,
}: Placement): number {
  if (step === 'free') return 0;
  return (
    placementSteps.indexOf(step) +
    (placementKinds.indexOf(kind) << 3) +
    (from << 6) +
    (to << 8) +
    (drivers.indexOf(driver) << 10) +
    (sameVersion ? 1 << 12 : 0) +
    (content << 13) +
    (moved << 16) +
    (resolutions.indexOf(resolution) << 19) +
    (putBacks << 22) +
    read * 2 ** 24
  );
}

function writeWord(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = value & 255;
  bytes[at + 1] = value >> 8;
  return at + 2;
}

function writePlacement(bytes: Uint8Array, at: number, packed: number): number {
  const low = packed % 2 ** 24;
  bytes[at] = low & 255;
  bytes[at + 1] = (low >> 8) & 255;
  bytes[at + 2] = low >> 16;
  return writeWord(bytes, at + 3, Math.floor(packed / 2 ** 24));
}

export function decode(bytes: Uint8Array, start: number, hosts: number): State {
  const byte = (at: number): number => bytes[start + at] ?? 0;
  const afterHosts = 2 + hosts * hostBytes,
    rest = afterHosts + 2 * placementBytes,
    some = byte(rest);
  const all: HostState[] = [];
  for (let host = 0; host < hosts; host++)
    all.push(decodeHost(bytes, start + 2 + host * hostBytes));
  const alike = [0],
    budget: number[] = [];
  for (let i = 0; i < 4; i++) alike.push(byte(rest + 4 + i) & 7, byte(rest + 4 + i) >> 3);
  for (let i = 0; i < budgets.length; i++) budget.push(byte(rest + 8 + i));
  return {
    entry: byte(0) | (byte(1) << 8),
    hosts: all,
    placements: [
      decodePlacement(bytes, start + afterHosts),
      decodePlacement(bytes, start + afterHosts + placementBytes),
    ],
    joined: (some & 1) !== 0,
    ready: (some & 2) !== 0,
    isNamed: (some & 4) !== 0,
    contents: some >> 3,
    precious: byte(rest + 1),
    buried: byte(rest + 2),
    must: byte(rest + 3),
    alike,
    budget,
  };
}

function decodeHost(bytes: Uint8Array, start: number): HostState {
  const byte = (at: number): number => bytes[start + at] ?? 0;
  const disk = byte(0),
    rows = byte(7),
    more = byte(8),
    how = byte(9),
    what = byte(10);
  return {
    disk: disk & 7,
    written: disk >> 3,
    kept: (byte(12) & 4) !== 0,
    saving: byte(12) >> 3,
    taken: byte(11) & 7,
    stamped: (byte(11) & 8) !== 0,
    byApp: (byte(11) & 16) !== 0,
    redated: byte(11) >> 5,
    replaced: byte(1),
    conflicts: byte(2),
    trash: byte(3),
    grave: byte(4),
    dated: byte(5),
    discarded: byte(6),
    named: rows & 3,
    left: (rows & 4) !== 0,
    putBack: (rows & 8) !== 0,
    vanished: (rows & 16) !== 0,
    asserted: rows >> 5,
    down: (more & 1) !== 0,
    retired: (more & 2) !== 0,
    listed: (more & 4) !== 0,
    assertedDated: (more & 8) !== 0,
    look:
      (how & 3) === 0
        ? noLook
        : {
            step: pick(lookSteps, how & 3),
            why: pick(reasons, (how >> 2) & 7),
            sameVersion: (how & 32) !== 0,
            sameOrigin: (how & 64) !== 0,
            listed: (how & 128) !== 0,
            seen: what & 7,
            answer: pick(answers, (what >> 3) & 15),
            held: (what & 128) !== 0,
            sameFile: (byte(12) & 1) !== 0,
            byApp: (byte(12) & 2) !== 0,
            entry: byte(13) | (byte(14) << 8),
          },
  };
}

function decodePlacement(bytes: Uint8Array, at: number): Placement {
  const [a = 0, b = 0, c = 0, d = 0, e = 0] = [
    bytes[at],
    bytes[at + 1],
    bytes[at + 2],
    bytes[at + 3],
    bytes[at + 4],
  ];
  const low = a | (b << 8) | (c << 16);
  if (low === 0) return { ...noPlacement };
  return {
    step: pick(placementSteps, low & 7),
    kind: pick(placementKinds, (low >> 3) & 7),
    from: (low >> 6) & 3,
    to: (low >> 8) & 3,
    driver: pick(drivers, (low >> 10) & 3),
    sameVersion: ((low >> 12) & 1) !== 0,
    content: (low >> 13) & 7,
    moved: (low >> 16) & 7,
    resolution: pick(resolutions, (low >> 19) & 7),
    putBacks: (low >> 22) & 3,
    read: d | (e << 8),
  };
}

function pick<T>(list: readonly T[], i: number): T {
  return list[i] as T;
}
