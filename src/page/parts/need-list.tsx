import type { ComponentChildren, JSX } from 'preact';
import { usePage } from '../page-context.js';
import { texts } from '../texts.js';
import type { WireNeed } from '../wire.js';
import { Age } from './ages.js';
import { Command } from './command.js';
import { useHeldRows } from './held-rows.js';
import { Icon, type IconName } from './icon.js';
import { Text } from './names.js';
import { stateIcons } from './state-word.js';

const kindIcons: Readonly<Record<WireNeed['kind'], IconName>> = {
  host: 'down',
  removals: 'halted',
  conflicts: 'cloned',
  missing: 'missing',
  clock: 'behind',
  history: 'behind',
  setup: 'behind',
  unreadable: 'behind',
  captures: 'behind',
};

interface NeedItemProps {
  readonly icon: IconName;
  readonly title: ComponentChildren;
  readonly cause?: string | undefined;
  /** The work that goes on by itself, and the files that are not lost. Before the remedy. */
  readonly safe?: string | undefined;
  readonly remedy?: string | undefined;
  readonly command?: string | undefined;
  readonly actions?: ComponentChildren;
  readonly isGone?: boolean;
}

export function NeedItem(props: NeedItemProps): JSX.Element {
  return (
    <li class={props.isGone ? 'gone' : undefined}>
      <Icon name={props.icon} />
      <div>
        <h3>{props.title}</h3>
        <p>
          {props.cause !== undefined && <Text text={props.cause} />}{' '}
          {props.safe !== undefined && <Text text={props.safe} />}{' '}
          {props.remedy !== undefined && (
            <b>
              <Text text={props.remedy} />
            </b>
          )}
        </p>
        {props.command !== undefined && <Command command={props.command} />}
      </div>
      {props.actions !== undefined && <div class="acts">{props.actions}</div>}
    </li>
  );
}

/** What only a person can resolve, the most urgent first. */
export function NeedList({
  needs,
  actionsOf,
}: {
  needs: readonly WireNeed[];
  actionsOf?: (need: WireNeed) => ComponentChildren;
}): JSX.Element {
  const { live } = usePage();
  const { rows, area } = useHeldRows<WireNeed, HTMLUListElement>(
    needs.map((need) => ({ id: need.id, group: '', item: need })),
  );
  const stateOf = (need: WireNeed): IconName => {
    const host = live.shown?.overview.hosts.find(({ hostname }) => hostname === need.host);
    return need.kind === 'host' && host ? stateIcons[host.state] : kindIcons[need.kind];
  };
  return (
    <ul class="needs" ref={area}>
      {rows.map(({ id, item, gone }) => (
        <NeedItem
          key={id}
          icon={stateOf(item)}
          title={
            <>
              <Text text={item.title} />
              {item.sinceSeconds !== undefined && (
                <span class="quiet">
                  {' '}
                  {texts.since} <Age seconds={item.sinceSeconds} />
                </span>
              )}
            </>
          }
          cause={item.cause}
          safe={item.safe}
          remedy={item.remedy}
          command={item.kind === 'setup' ? item.command : undefined}
          isGone={gone === true}
          actions={
            <>
              {item.action && <a href={item.action.view}>{item.action.label}</a>}
              {gone !== true && actionsOf?.(item)}
            </>
          }
        />
      ))}
    </ul>
  );
}
