import { type Model, startState } from './model.js';
import { type budgets, encode, sizeOf, type State } from './state.js';
import { successors } from './steps.js';

/** One step of a walk through the explorer's states. */
export interface Step {
  readonly label: string;
  readonly from: State;
  readonly to: State;
}

interface Next {
  readonly label: string;
  readonly to: State;
  readonly bySystem: boolean;
}

/** Longer than any walk that comes to rest. */
const stepLimit = 2_000;

/** What can happen next and changes anything. */
function nextOf(model: Model, state: State): Next[] {
  const size = sizeOf(model.options.hosts),
    here = keyOf(state, size),
    found: Next[] = [];
  successors(model, state, (to, label, bySystem) => {
    if (keyOf(to, size) !== here) found.push({ label, to, bySystem });
  });
  return found;
}

function keyOf(state: State, size: number): string {
  const bytes = new Uint8Array(size);
  encode(state, bytes);
  return String.fromCharCode(...bytes);
}

/** mulberry32: numbers from 0 up to 1, the same ones for the same seed. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Anything that can happen, in any order, until the budget is spent or chance ends it; then the
 * system's own steps until all rests.
 */
export function walkAtRandom(model: Model, seed: number): Step[] {
  const random = randomOf(seed),
    steps: Step[] = [];
  for (let state = startState(model), events = true; steps.length < stepLimit;) {
    const all = nextOf(model, state),
      own = all.filter(({ bySystem }) => bySystem),
      others = all.filter(({ bySystem }) => !bySystem);
    if (steps.length > 150) events = false;
    const from = events && others.length > 0 && (own.length === 0 || random() < 0.3) ? others : own;
    const chosen = from[Math.floor(random() * from.length)];
    if (!chosen) return steps;
    steps.push({ label: chosen.label, from: state, to: chosen.to });
    state = chosen.to;
  }
  throw new Error(`the walk of seed ${seed} does not come to rest`);
}

/**
 * The steps of a trace as far as this model takes them too: that of a wrong decision leaves the
 * right way where it was wrong. Then the system's own steps until all rests.
 */
export function walkAlong(model: Model, labels: readonly string[], seed: number): Step[] {
  const random = randomOf(seed),
    steps: Step[] = [];
  let state = startState(model);
  const take = ({ label, to }: Next): void => {
    steps.push({ label, from: state, to });
    state = to;
  };
  for (const label of labels) {
    const found = nextOf(model, state).find((next) => next.label === label);
    if (found) take(found);
  }
  while (steps.length < stepLimit) {
    const own = nextOf(model, state).filter(({ bySystem }) => bySystem),
      chosen = own[Math.floor(random() * own.length)];
    if (!chosen) return steps;
    take(chosen);
  }
  throw new Error('the walk does not come to rest');
}

/** Some of everything that may happen. */
export function budgetOf(seed: number): Record<(typeof budgets)[number], number> {
  const random = randomOf(seed ^ 0x5eed),
    upTo = (most: number): number => Math.floor(random() * (most + 1));
  return {
    writes: 1 + upTo(2),
    unlinks: upTo(2),
    deletes: upTo(1),
    edits: upTo(1),
    names: upTo(1),
    restores: upTo(1),
    fetches: upTo(2),
    crashes: upTo(2),
    late: upTo(1),
    touches: 0,
    pauses: upTo(1),
    retires: random() < 0.15 ? 1 : 0,
    joins: random() < 0.2 ? 1 : 0,
    refusals: 0,
    deaths: 0,
  };
}
