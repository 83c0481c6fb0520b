import type { ComponentChildren, JSX } from 'preact';
import { PathText, Text } from './names.js';

export interface Fact {
  readonly name: string;
  readonly value: ComponentChildren;
  readonly isBig?: boolean;
}

export function Facts({ facts }: { facts: readonly Fact[] }): JSX.Element {
  return (
    <dl>
      {facts.map(({ name, value, isBig }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd class={isBig ? 'big' : undefined}>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A list of at most 1,000 paths in a box that scrolls. */
export function PathBox({
  label,
  paths,
}: {
  label: string;
  paths: readonly { path: string; note?: string }[];
}): JSX.Element {
  return (
    <div class="paths" tabIndex={0} role="region" aria-label={label}>
      <ul class="plain">
        {paths.map(({ path, note }, at) => (
          <li key={at}>
            <PathText path={path} />
            {note !== undefined && (
              <span class="quiet">
                {' '}
                <Text text={note} />
              </span>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}
