import { hold, type Transition } from '../decisions/transitions.js';
import { atOnce } from '../decisions/entries.js';
import type { HostId } from '../model/words.js';
import type { Update } from './filters.js';

/** Turns a transition into one update. `applyTransition` describes its result. */
export function toUpdate({ hosts, heldBy, owed, blocked, stamp, adoptable }: Transition): Update {
  const join = { $each: [...hosts] },
    gone = { $in: [...hosts] };
  const added = {
    ...(heldBy === 'join' ? { heldBy: join } : {}),
    ...(owed === 'join' ? { owed: join } : {}),
  };
  const stamps =
    stamp === undefined ? {} : Object.fromEntries(hosts.map((host) => [`stamps.${host}`, stamp]));
  const set = {
    ...(owed === 'join' ? { dueAt: atOnce } : {}),
    ...(adoptable ? { adoptable } : {}),
    ...stamps,
  };
  const pulled = {
    ...(heldBy === 'leave' ? { heldBy: gone } : {}),
    ...(owed === 'leave' ? { owed: gone } : {}),
    ...(blocked ? { blocked: { host: gone } } : {}),
  };
  const operators = Object.entries({ $addToSet: added, $pull: pulled, $set: set });
  // MongoDB before 5.0 refuses an operator without fields.
  return Object.fromEntries(operators.filter(([, fields]) => Object.keys(fields).length > 0));
}

/**
 * Records that these hosts have the version, and its content hash if it was computed on the way.
 */
export function holdUpdate(hosts: readonly HostId[], sha256: string | undefined): Update {
  const update = toUpdate(hold(hosts));
  return sha256 ? { ...update, $set: { 'facts.sha256': sha256 } } : update;
}
