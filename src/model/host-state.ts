/**
 * The states of a host, the most urgent first. A host is in the first one that holds, so no summary
 * looks better than its worst detail.
 */
export const hostStates = [
  'pending',
  'cloned',
  'down',
  'halted',
  'blocked',
  'filling',
  'paused',
  'behind',
  'up to date',
] as const;
export type HostStateName = (typeof hostStates)[number];

/** What people call each state. */
export const hostStateWords = {
  pending: 'waits for approval',
  cloned: 'runs on two machines',
  down: 'does not answer',
  halted: 'removals wait',
  blocked: 'blocked',
  filling: 'being filled',
  paused: 'paused',
  behind: 'behind',
  'up to date': 'up to date',
} as const satisfies Record<HostStateName, string>;
