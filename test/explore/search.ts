import { type Emit, type Model, startState } from './model.js';
import { findBroken, show } from './promises.js';
import { decode, encode, sizeOf, type State } from './state.js';
import { successors } from './steps.js';
import { Table } from './table.js';

export interface Violation {
  readonly what: string;
  readonly count: number;
  readonly trace: string[];
}
export interface Explored {
  readonly states: number;
  readonly atRest: number;
  /** False where a limit ended it. */
  readonly complete: boolean;
  /** Each kind of promise that was broken, with a shortest trace. */
  readonly violations: Violation[];
}
export interface Limits {
  readonly states?: number;
  readonly milliseconds?: number;
  /** Ends at the first broken promise. */
  readonly untilBroken?: boolean;
  /** Also looks whether each state can come to rest; takes memory for every step. Default true. */
  readonly restless?: boolean;
  onProgress?(states: number): void;
}

/** Breadth first over all orders of events: the first state of a kind has a shortest trace. */
export function explore(model: Model, limits: Limits = {}): Explored {
  const { hosts } = model.options,
    size = sizeOf(hosts);
  const table = new Table(size);
  const key = new Uint8Array(size);
  const intern = (state: State, from: number): number => {
    encode(state, key);
    return table.add(key, from);
  };
  intern(startState(model), -1);
  const kinds = new Map<string, { count: number; first: number }>();
  const limit = limits.states ?? 20_000_000,
    end = limits.milliseconds === undefined ? Infinity : Date.now() + limits.milliseconds;
  const steps = limits.restless === false ? undefined : new Steps();
  const resting: number[] = [];
  let at = 0,
    atRest = 0;
  for (; at < table.count && table.count <= limit; at++) {
    if (at % 1_000 === 0) {
      limits.onProgress?.(table.count);
      if (Date.now() > end) break;
    }
    const state = decode(table.bytesOf(at), table.startOf(at), hosts);
    let rests = true;
    successors(model, state, (next, _label, bySystem) => {
      const to = intern(next, at);
      if (!bySystem || to === at) return;
      rests = false;
      steps?.add(at, to);
    });
    if (!rests) continue;
    atRest++;
    if (steps) resting.push(at);
    const broken = findBroken(model, state);
    if (!broken) continue;
    const kind = kinds.get(broken);
    if (kind) kind.count++;
    else kinds.set(broken, { count: 1, first: at });
    if (limits.untilBroken) break;
  }
  const complete = at === table.count;
  const violations = [...kinds].map(([what, { count, first }]) => ({
    what,
    count,
    trace: traceOf(model, table, first, hosts),
  }));
  if (complete && steps) {
    for (const [what, every] of [
      ['cannot come to rest', false],
      ['can go round in a circle', true],
    ] as const) {
      const stuck = steps.findRestless(table.count, resting, every);
      const first = stuck.indexOf(1);
      if (first < 0) continue;
      violations.push({
        what,
        count: stuck.reduce((sum, one) => sum + one, 0),
        trace: traceOf(model, table, first, hosts),
      });
      break;
    }
  }
  return { states: table.count, atRest, complete, violations };
}

/** The steps to a state, and its description. */
function traceOf(model: Model, table: Table, index: number, hosts: number): string[] {
  const way: number[] = [];
  for (let i = index; i >= 0; i = table.parentOf(i)) way.unshift(i);
  const trace: string[] = [];
  const key = new Uint8Array(table.size);
  for (let i = 1; i < way.length; i++) {
    const from = decode(table.bytesOf(way[i - 1] ?? 0), table.startOf(way[i - 1] ?? 0), hosts);
    let found = '?';
    const find: Emit = (next, label) => {
      encode(next, key);
      if (found === '?' && table.find(key) === way[i]) found = label;
    };
    successors(model, from, find);
    trace.push(found);
  }
  trace.push(show(model, decode(table.bytesOf(index), table.startOf(index), hosts)));
  return trace;
}

/** The steps that the system takes by itself. */
class Steps {
  private readonly chunks: Int32Array[] = [];
  private count = 0;

  add(from: number, to: number): void {
    const chunk = this.count >> 20;
    this.chunks[chunk] ??= new Int32Array(2 << 20);
    const at = (this.count++ & ((1 << 20) - 1)) * 2,
      into = this.chunks[chunk];
    into[at] = from;
    into[at + 1] = to;
  }

  /**
   * Marks the states from which the system alone never comes to rest; `every`: those from which it
   * may not, by any further steps.
   */
  findRestless(states: number, resting: readonly number[], every: boolean): Uint8Array {
    const ways = new Int32Array(states);
    this.each((from) => {
      ways[from] = (ways[from] ?? 0) + 1;
    });
    // Sorted by where they lead to, so that they can be walked backwards.
    const starts = new Int32Array(states + 1),
      sources = new Int32Array(this.count);
    this.each((_, to) => {
      starts[to + 1] = (starts[to + 1] ?? 0) + 1;
    });
    for (let i = 0; i < states; i++) starts[i + 1] = (starts[i + 1] ?? 0) + (starts[i] ?? 0);
    const fill = starts.slice();
    this.each((from, to) => {
      const at = fill[to] ?? 0;
      sources[at] = from;
      fill[to] = at + 1;
    });
    const restless = new Uint8Array(states).fill(1);
    const todo = [...resting];
    for (const i of todo) restless[i] = 0;
    for (let to = todo.pop(); to !== undefined; to = todo.pop()) {
      for (let at = starts[to] ?? 0; at < (starts[to + 1] ?? 0); at++) {
        const from = sources[at] ?? 0;
        const isLast = (ways[from] = (ways[from] ?? 0) - 1) === 0;
        if (restless[from] && (isLast || !every)) {
          restless[from] = 0;
          todo.push(from);
        }
      }
    }
    return restless;
  }

  private each(take: (from: number, to: number) => void): void {
    for (let i = 0; i < this.count; i++) {
      const chunk = this.chunks[i >> 20],
        at = (i & ((1 << 20) - 1)) * 2;
      take(chunk?.[at] ?? 0, chunk?.[at + 1] ?? 0);
    }
  }
}
