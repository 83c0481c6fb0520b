import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { HostStateName } from '../../api/overview.js';
import { formatBytes, formatCount } from '../format.js';
import {
  beginsFolded,
  makeHostRows,
  manyHosts,
  splitGroups,
  type HostGroup,
} from '../group-hosts.js';
import { texts } from '../texts.js';
import type { WireHost } from '../wire.js';
import { Age, Ago } from './ages.js';
import { useHeldRows } from './held-rows.js';
import { HostLink, Text } from './names.js';
import { Spark } from './spark.js';
import { StateWord } from './state-word.js';
import { Row, Table, type Column } from './table.js';

const columns: readonly Column<WireHost>[] = [
  {
    head: texts.columns.host,
    isRowHead: true,
    cell: ({ hostname }) => <HostLink name={hostname} />,
  },
  { head: texts.columns.state, look: 'state', cell: ({ state }) => <StateWord state={state} /> },
  { head: texts.columns.note, look: 'quiet more', cell: ({ note }) => <Text text={note} /> },
  {
    head: texts.columns.waiting,
    look: 'num',
    cell: ({ pending }) =>
      pending.count === 0 ? (
        <span class="dash">–</span>
      ) : (
        <>
          {formatCount(pending)}
          <span class="quiet more">, {formatBytes(pending.bytes)}</span>
          <span class="quiet phones"> {texts.columns.files.toLowerCase()}</span>
        </>
      ),
  },
  {
    head: texts.columns.oldest,
    look: 'num',
    cell: ({ oldestSeconds }) =>
      oldestSeconds === undefined ? (
        <span class="dash">–</span>
      ) : (
        <>
          <span class="quiet phones">{texts.since} </span>
          <Age seconds={oldestSeconds} />
        </>
      ),
  },
  {
    head: texts.columns.lastHour,
    look: 'more',
    cell: ({ deliveries }) => (deliveries.length > 0 ? <Spark counts={deliveries} /> : '–'),
  },
  {
    head: texts.columns.lastDelivery,
    look: 'num more',
    cell: ({ deliveredSecondsAgo }) => <Ago seconds={deliveredSecondsAgo} />,
  },
];

/** The hosts, the most urgent first; from twelve on grouped by state, with a filter. */
export function HostTable({ hosts }: { hosts: readonly WireHost[] }): JSX.Element {
  const [filter, setFilter] = useState('');
  const { rows, area } = useHeldRows<WireHost, HTMLDivElement>(makeHostRows(hosts, filter), filter);
  return (
    <>
      {hosts.length >= manyHosts && (
        <label class="filter">
          <span class="unseen">{texts.filterHosts}</span>
          <input
            type="search"
            placeholder={texts.filterHosts}
            value={filter}
            onInput={({ currentTarget }) => {
              setFilter(currentTarget.value);
            }}
          />
        </label>
      )}
      <Table label={texts.hosts} columns={columns} look="grid" area={area}>
        {splitGroups(rows).map((group) => (
          <Group key={group.name} group={group} isOpen={filter !== ''} />
        ))}
      </Table>
      {rows.length === 0 && <p class="quiet">{texts.noHostMatches}</p>}
    </>
  );
}

function Group({ group, isOpen }: { group: HostGroup; isOpen: boolean }): JSX.Element {
  const [isToggled, setToggled] = useState(false);
  const isFolded = !isOpen && beginsFolded(group) !== isToggled;
  return (
    <tbody role="rowgroup">
      {group.name !== '' && (
        <tr role="row" class="group">
          <th role="rowheader" scope="rowgroup" colSpan={columns.length}>
            <button
              type="button"
              aria-expanded={!isFolded}
              onClick={() => {
                setToggled(!isToggled);
              }}
            >
              {texts.groupOf(group.rows.length, group.name as HostStateName)}
            </button>
          </th>
        </tr>
      )}
      {!isFolded &&
        group.rows.map(({ id, item, gone }) => (
          <Row key={id} columns={columns} item={item} isGone={gone === true} />
        ))}
    </tbody>
  );
}
