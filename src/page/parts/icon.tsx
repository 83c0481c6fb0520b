import type { JSX } from 'preact';

export type IconName =
  | 'ok'
  | 'holds'
  | 'owed'
  | 'behind'
  | 'down'
  | 'blocked'
  | 'filling'
  | 'paused'
  | 'pending'
  | 'cloned'
  | 'halted'
  | 'run'
  | 'missing';

/** A symbol of index.html. It always stands beside a word, so readers of the screen skip it. */
export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg aria-hidden="true" class={`icon ${name}`}>
      <use href={`#i-${name}`} />
    </svg>
  );
}
