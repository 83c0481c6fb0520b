import { assessRival, type Rival } from '../../src/decisions/rival.js';

/**
 * How the lease is carried out (`leader/lease.ts`, `lease-holder.ts`, `holding.ts`); a mutation
 * does one of them wrongly.
 */
export const protocol = {
  assessRival,
  /**
   * Who is held for dead by the process table: who has ended, or also who lives in another pid
   * namespace.
   */
  takesOtherNamespacesForDead: false,
  /** The holder goes by when it sent a beat, not by when that was answered. */
  countsFromAnswer: false,
  /** A beat that is carried out after a later one changes nothing. */
  carriesOutLateBeats: false,
  /** Nothing is begun without a beat after the socket of what ran before was closed. */
  beginsUnconfirmed: false,
  /** The socket is no longer announced before it is closed. */
  staysAnnounced: false,
  /** The socket is closed after everything else. */
  closesSocketFirst: false,
};
export type Protocol = typeof protocol;

/**
 * How often what may happen: a third of the lease time passes, a process is killed, stands still,
 * or what it runs fails; and how many writes each process may send.
 */
export interface LeaseBudget {
  readonly time: number;
  readonly crashes: number;
  readonly pauses: number;
  readonly failures: number;
  readonly sends: readonly [number, number];
}

const leaseTime = 3,
  opLimit = 2;

/** A write that was sent: not carried out yet, or carried out and not answered. */
interface Op {
  readonly kind: 'take' | 'beat' | 'confirm';
  readonly number: number;
  readonly socket: string;
  /** How long ago it was sent. */
  age: number;
  /** For a take: the row as it was read. */
  readonly over?: { readonly leader: number; readonly beat: number };
  /** For a take: the holder was held for dead. */
  readonly proven?: boolean;
  done?: 'written' | 'refused';
}

interface Process {
  alive: boolean;
  paused: boolean;
  sent: number;
  maySend: number;
  /** How much longer it goes by having the lease. */
  held: number;
  /** `since`: how long ago, negative. */
  rival?: Rival | undefined;
  /** The row as it was read, before it was decided on. */
  read?: { leader: number; beat: number; socket: string } | undefined;
  ops: Op[];
  work: 'none' | 'asked' | 'confirmed' | 'working' | 'ending';
  sockets: number;
  listens: string;
  announced: string;
}

export interface LeaseState {
  row: { leader: number; beat: number; socket: string };
  all: Process[];
  left: { time: number; crashes: number; pauses: number; failures: number };
}

type Emit = (label: string, next: LeaseState) => void;

/** Process 0 has the lease and works; another one has just started. */
export function startLease({ sends, ...left }: LeaseBudget): LeaseState {
  const idle: Process = {
    alive: true,
    paused: false,
    held: 0,
    sent: 0,
    maySend: sends[1],
    ops: [],
    work: 'none',
    sockets: 0,
    listens: '',
    announced: '',
  };
  return {
    row: { leader: 0, beat: 1, socket: '0.1' },
    left,
    all: [
      {
        ...idle,
        held: leaseTime,
        sent: 1,
        maySend: sends[0],
        work: 'working',
        sockets: 1,
        listens: '0.1',
        announced: '0.1',
      },
      { ...idle, ops: [] },
    ],
  };
}

function copyLease({ row, all, left }: LeaseState): LeaseState {
  return {
    row,
    left: { ...left },
    all: all.map((one) => ({ ...one, ops: one.ops.map((op) => ({ ...op })) })),
  };
}

/** What must never be. */
export function findBrokenLease(state: LeaseState): string | undefined {
  const working = state.all.filter(
    (one) => one.alive && !one.paused && one.work === 'working' && one.held > 0,
  );
  if (working.length > 1) return 'two processes work at once';
  const proven = state.all.flatMap(({ ops }) =>
    ops.filter(({ proven: isProven, done }) => isProven && done === 'written'),
  );
  const isMistaken = proven.some(({ over }) => {
    const before = state.all[over?.leader ?? -1];
    return (
      before !== undefined &&
      before.alive &&
      (before.work === 'working' || before.work === 'ending')
    );
  });
  return isMistaken ? 'a process was held for dead that had not ended its work' : undefined;
}

/** Everything that can happen next. */
export function leaseSteps(rules: Protocol, state: LeaseState, emit: Emit): void {
  const step = (label: string, change: (next: LeaseState) => void): void => {
    const next = copyLease(state);
    change(next);
    emit(label, next);
  };
  if (state.left.time > 0) step('time passes', passTime);
  state.all.forEach((process, i) => {
    const name = `P${String(i)}`;
    const change = (label: string, act: (own: Process, next: LeaseState) => void): void => {
      step(`${name} ${label}`, (next) => {
        act(next.all[i] as Process, next);
      });
    };
    process.ops.forEach((op, at) => {
      if (op.done === undefined)
        step(`${op.kind} ${String(op.number)} of ${name} is carried out`, (next) => {
          carryOut(rules, next, i, at);
        });
    });
    if (process.alive && state.left.crashes > 0) {
      change('is killed', (own, next) => {
        next.left.crashes--;
        own.alive = false;
        own.listens = '';
        own.work = 'none';
      });
    }
    if (!process.alive) return;
    if (process.paused)
      return change('goes on', (own) => {
        own.paused = false;
      });
    if (state.left.pauses > 0)
      change('stands still', (own, next) => {
        next.left.pauses--;
        own.paused = true;
      });
    process.ops.forEach((op, at) => {
      if (op.done !== undefined)
        change(`hears that its ${op.kind} ${String(op.number)} was ${op.done}`, (own) => {
          own.ops.splice(at, 1);
          hear(rules, own, op);
        });
    });
    look(rules, process, change);
    work(rules, state, process, i, change);
  });
}

/** Longer ago than the lease time is as good as the lease time. */
function passTime(state: LeaseState): void {
  state.left.time--;
  for (const one of state.all) {
    one.held = Math.max(0, one.held - 1);
    if (one.rival) one.rival = { ...one.rival, since: Math.max(-leaseTime, one.rival.since - 1) };
    for (const op of one.ops) op.age = Math.min(leaseTime, op.age + 1);
  }
}

type Change = (label: string, act: (own: Process, next: LeaseState) => void) => void;

/** The loop of a lease: a beat, or a look at the row and what follows from it. */
function look(rules: Protocol, process: Process, change: Change): void {
  const { read } = process;
  if (!read) {
    if (process.held > 0)
      change('beats', (own) => {
        send(own, 'beat');
      });
    else
      change('reads the row', (own, next) => {
        own.read = { ...next.row };
      });
    return;
  }
  change('decides', (own, next) => {
    own.read = undefined;
    const me = next.all.indexOf(own);
    if (read.leader === me) {
      send(own, 'beat');
      return;
    }
    if (read.leader < 0) {
      send(own, 'take', { over: read });
      return;
    }
    const { decision: resolution, rival } = rules.assessRival(
      own.rival,
      { leader: String(read.leader), beat: read.beat },
      { now: 0, leaseMs: leaseTime, bootId: '' },
    );
    own.rival = rival;
    const holder = next.all[read.leader] as Process;
    const isDeserted = read.socket !== '' && holder.listens !== read.socket;
    const isProven = !holder.alive || isDeserted || rules.takesOtherNamespacesForDead;
    // One boot of one machine: `cloned`, which this model does not know, is never the case.
    if (isProven || resolution === 'take') send(own, 'take', { over: read, proven: isProven });
  });
}

/**
 * What the holder runs: asked for by a beat, begun, ended; it may fail by itself and is begun
 * again.
 */
function work(
  rules: Protocol,
  state: LeaseState,
  process: Process,
  i: number,
  change: Change,
): void {
  const isHolder = process.held > 0;
  if (process.work === 'none' && isHolder) {
    if (rules.beginsUnconfirmed)
      change('begins', (own) => {
        own.work = 'confirmed';
      });
    else
      change('asks before it begins', (own) => {
        if (send(own, 'confirm')) own.work = 'asked';
      });
  }
  if (process.work === 'confirmed') {
    change('listens and works', (own) => {
      own.listens = `${String(i)}.${String(++own.sockets)}`;
      own.work = 'working';
    });
  }
  if (process.work === 'working' && process.announced !== process.listens)
    change('announces its socket', (own) => {
      own.announced = own.listens;
    });
  if (process.work === 'working' && (!isHolder || state.left.failures > 0)) {
    change(isHolder ? 'fails, and ends what it runs' : 'ends what it runs', (own, next) => {
      if (isHolder) next.left.failures--;
      own.work = 'ending';
      if (!rules.staysAnnounced) own.announced = '';
      if (rules.closesSocketFirst) own.listens = '';
    });
  }
  if (process.work === 'ending')
    change('has ended it', (own) => {
      own.work = 'none';
      own.listens = '';
    });
}

function send(own: Process, kind: Op['kind'], more: Pick<Op, 'over' | 'proven'> = {}): boolean {
  if (own.ops.length >= opLimit || own.maySend === 0) return false;
  own.maySend--;
  own.ops.push({ kind, number: ++own.sent, age: 0, socket: own.announced, ...more });
  return true;
}

function carryOut(rules: Protocol, state: LeaseState, i: number, at: number): void {
  const { row } = state,
    op = state.all[i]?.ops[at] as Op,
    { over } = op;
  const isOurs = row.leader === i && (rules.carriesOutLateBeats || row.beat < op.number);
  const mayWrite =
    op.kind === 'take'
      ? row.leader === over?.leader && (row.leader < 0 || row.beat === over.beat)
      : isOurs;
  op.done = mayWrite ? 'written' : 'refused';
  if (mayWrite)
    state.row = { leader: i, beat: op.number, socket: op.kind === 'take' ? '' : op.socket };
}

function hear(rules: Protocol, own: Process, op: Op): void {
  if (op.done === 'written') {
    own.rival = undefined;
    own.held = Math.max(own.held, leaseTime - (rules.countsFromAnswer ? 0 : op.age));
  } else if (op.kind !== 'take' && op.number === own.sent) own.held = 0;
  if (op.kind === 'confirm' && own.work === 'asked')
    own.work = op.done === 'written' && own.held > 0 ? 'confirmed' : 'none';
}

export interface FoundLease {
  readonly states: number;
  readonly complete: boolean;
  readonly broken?: { what: string; trace: string[] };
}

/**
 * Breadth first over all orders of events, until a promise is broken. @param find ends at the first
 * state of which it says something
 */
export function exploreLease(
  rules: Protocol,
  budget: LeaseBudget,
  find = findBrokenLease,
  limit = 2_000_000,
): FoundLease {
  const known = new Map<string, number>();
  const from: number[] = [],
    labels: string[] = [];
  let level: LeaseState[] = [];
  const add = (state: LeaseState, before: number, label: string, to: LeaseState[]): void => {
    const key = JSON.stringify(state);
    if (known.has(key)) return;
    known.set(key, labels.length);
    from.push(before);
    labels.push(label);
    to.push(state);
  };
  add(startLease(budget), -1, '', level);
  for (let at = 0; level.length > 0 && known.size < limit;) {
    const following: LeaseState[] = [];
    for (const state of level) {
      const what = find(state);
      if (what !== undefined) {
        const trace: string[] = [];
        for (let now = at; now > 0; now = from[now] ?? 0) trace.unshift(labels[now] ?? '');
        return { states: known.size, complete: false, broken: { what, trace } };
      }
      leaseSteps(rules, state, (label, next) => {
        add(next, at, label, following);
      });
      at++;
    }
    level = following;
  }
  return { states: known.size, complete: level.length === 0 };
}
