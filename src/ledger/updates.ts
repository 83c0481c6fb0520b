import { markHeld, type Transition } from '../decisions/transitions.js';
import { dueAtOnce } from '../decisions/entries.js';
import type { Entry } from '../model/entry.js';
import type { HostId } from '../model/host.js';
import type { LedgerUpdate } from './filters.js';

/** Turns a transition into one update. `applyTransition` describes its result. */
export function toLedgerUpdate({
  hosts,
  heldBy,
  pending,
  blocked,
  stamp,
  orphaned,
}: Transition): LedgerUpdate {
  const join = { $each: [...hosts] },
    gone = { $in: [...hosts] };
  const added = {
    ...(heldBy === 'join' ? { heldBy: join } : {}),
    ...(pending === 'join' ? { pending: join } : {}),
  };
  const stamps =
    stamp === undefined ? {} : Object.fromEntries(hosts.map((host) => [`stamps.${host}`, stamp]));
  const set = {
    ...(pending === 'join' ? { dueAt: dueAtOnce } : {}),
    ...(orphaned ? { orphaned: true } : {}),
    ...stamps,
  };
  const pulled = {
    ...(heldBy === 'leave' ? { heldBy: gone } : {}),
    ...(pending === 'leave' ? { pending: gone } : {}),
    ...(blocked ? { blocked: { host: gone } } : {}),
  };
  const operators = Object.entries({ $addToSet: added, $pull: pulled, $set: set });
  // MongoDB before 5.0 refuses an operator without fields.
  return Object.fromEntries(operators.filter(([, fields]) => Object.keys(fields).length > 0));
}

/**
 * Records that these hosts have the version, and its content hash if it was computed on the way.
 */
export function makeHoldUpdate(hosts: readonly HostId[], sha256: string | undefined): LedgerUpdate {
  const update = toLedgerUpdate(markHeld(hosts));
  return sha256 ? { ...update, $set: { 'info.sha256': sha256 } } : update;
}

/**
 * Blocks the entry for a host instead of having it pending. It is a pipeline, because operators
 * cannot pull from and push to the same array in one update.
 */
export function makeBlockUpdate(blocked: Entry['blocked'][number]): object[] {
  const isOther = (field: string): object => ({ $ne: [field, { $literal: blocked.host }] });
  return [
    {
      $set: {
        pending: { $filter: { input: '$pending', cond: isOther('$$this') } },
        blocked: {
          $concatArrays: [
            { $filter: { input: '$blocked', cond: isOther('$$this.host') } },
            [{ $literal: blocked }],
          ],
        },
      },
    },
  ];
}
