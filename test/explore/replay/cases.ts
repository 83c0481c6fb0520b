import { Decisions } from '../decisions.js';
import type { Model, Options } from '../model.js';
import { findMutation, modelOf, type Mutation, plain } from '../mutations.js';
import { rules } from '../rules.js';
import { budgetOf, type Step, walkAlong, walkAtRandom } from '../walk.js';

export interface Case {
  readonly model: Model;
  readonly steps: readonly Step[];
}

/** The walk of this seed, with the decisions of the product. */
export function chooseWalk(seed: number): Case {
  const options: Options = {
    ...plain,
    budget: budgetOf(seed),
    hosts: seed % 3 === 0 ? 3 : 2,
    fine: seed % 4 === 1,
    collide: seed % 5 === 2,
    passive: seed % 7 === 3,
    empty: seed % 11 === 5,
  };
  const model = { options, decisions: new Decisions(rules, options) };
  return { model, steps: walkAtRandom(model, seed) };
}

/** The shortest trace by which a wrong decision is found, as far as the right ones go along. */
export function followTrace(mutation: Mutation): Case {
  const options = { ...modelOf(mutation).options, forgetful: false },
    [found] = findMutation(mutation).violations;
  const model = { options, decisions: new Decisions(rules, options) };
  return { model, steps: walkAlong(model, found?.trace.slice(0, -1) ?? [], 1) };
}
