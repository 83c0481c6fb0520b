import type { ComponentChildren, JSX } from 'preact';
import {
  capitalise,
  formatBytes,
  formatCount,
  formatFiles,
  formatNumber,
  formatSpan,
  showHidden,
} from '../format.js';
import { addressOf } from '../api.js';
import { HostActions } from './host-actions.js';
import { Reload, Unsyncable } from './host-details.js';
import { useMayChange, usePage } from '../page-context.js';
import { Age, Ago, Clock, Countdown, Since } from '../parts/ages.js';
import { Facts, type Fact } from '../parts/facts.js';
import { FileList } from '../parts/file-list.js';
import { Heading, Section } from '../parts/heading.js';
import { Load, useLoaded } from '../parts/loaded.js';
import { Code, HostLink, Text, shorten } from '../parts/names.js';
import { NeedItem, NeedList } from '../parts/need-list.js';
import { Spark } from '../parts/spark.js';
import { stateIcons } from '../parts/state-word.js';
import { SimpleTable } from '../parts/table.js';
import { TestConnection } from '../parts/test-connection.js';
import { viewAddress } from '../routes.js';
import { texts } from '../texts.js';
import { ApproveButton } from '../dialogs/approve.js';
import { ResumeButton } from '../dialogs/pause.js';
import { RetryButton } from '../parts/retry-button.js';
import type { WireFile, WireHost, WireHostDescription } from '../wire.js';

export function HostView({ name }: { name: string }): JSX.Element {
  const { live } = usePage();
  const host = live.shown?.overview.hosts.find(
    ({ hostname, id }) => hostname === name || id === name,
  );
  if (!host) {
    return (
      <Heading title={texts.noSuchHost(shorten(showHidden(name)))}>
        {texts.noSuchHostMore} <a href="#/">{texts.allHosts}</a>
      </Heading>
    );
  }
  return <KnownHost key={host.id} host={host} />;
}

function KnownHost({ host }: { host: WireHost }): JSX.Element {
  const mayChange = useMayChange();
  const isCalm = host.cause === undefined && host.remedy === undefined;
  return (
    <>
      <Heading
        title={texts.hostTitle(shorten(showHidden(host.hostname)), host.state)}
        icon={stateIcons[host.state]}
      >
        {host.since !== undefined && (
          <>
            {texts.sinceWhen} <Clock at={host.since} /> (<Since at={host.since} />
            ).{' '}
          </>
        )}
        <Text text={capitalise(host.note)} />
      </Heading>
      {!isCalm && (
        <Section title={texts.whyAndWhatToDo}>
          <ul class="needs">
            <NeedItem
              icon={stateIcons[host.state]}
              title={<Text text={host.cause ?? texts.states[host.state]} />}
              safe={host.consequence}
              remedy={host.remedy}
              actions={mayChange && <StateAction host={host} />}
            />
          </ul>
        </Section>
      )}
      <OtherNeeds host={host} />
      <Facts facts={factsOf(host)} />
      <LastHour host={host} />
      <Failures host={host} />
      <Waiting host={host} />
      {mayChange && host.approval !== 'pending' && (
        <Section title={texts.doSomething}>
          <HostActions host={host} />
        </Section>
      )}
      <Identity host={host} />
    </>
  );
}

/** The needs besides its state: its clock, its conflicts, names that cannot be synced. */
function OtherNeeds({ host }: { host: WireHost }): JSX.Element | null {
  const { live } = usePage();
  const needs = (live.shown?.overview.needs ?? []).filter(
    (need) => need.host === host.hostname && need.kind !== 'host',
  );
  if (needs.length === 0) return null;
  return (
    <Section title={texts.alsoNeedsYou}>
      <NeedList needs={needs} />
    </Section>
  );
}

/** The button that fits the state. */
function StateAction({ host }: { host: WireHost }): ComponentChildren {
  if (host.state === 'pending') return <ApproveButton host={host} />;
  if (host.state === 'paused') return <ResumeButton host={host} />;
  if (host.state === 'halted') return <a href={viewAddress('removals')}>{texts.reviewRemovals}</a>;
  if (host.state === 'blocked') return <RetryButton host={host.hostname} />;
  return host.state === 'down' ? <TestConnection host={host} /> : null;
}

function factsOf(host: WireHost): Fact[] {
  const waits = host.pending.count > 0;
  const clock = host.clockOffsetSeconds;
  return [
    {
      name: texts.facts.waiting,
      value: waits ? formatFiles(host.pending) : texts.nothing,
      isBig: true,
    },
    { name: texts.facts.size, value: waits ? formatBytes(host.pending.bytes) : '–', isBig: true },
    { name: texts.facts.oldest, value: <Age seconds={host.oldestSeconds} />, isBig: true },
    {
      name: texts.facts.lastDelivery,
      value: <Ago seconds={host.deliveredSecondsAgo} />,
      isBig: true,
    },
    { name: texts.facts.nextTry, value: <Countdown seconds={host.nextTrySeconds} /> },
    { name: texts.facts.address, value: <Text text={host.address} /> },
    {
      name: texts.facts.version,
      value: host.passive ? texts.passive : (host.version ?? texts.unknown),
    },
    ...(host.history
      ? [
          {
            name: texts.facts.history,
            value: (
              <Text
                text={
                  host.history.failing ??
                  texts.unrecorded(
                    formatCount(host.history.unrecorded),
                    host.history.unrecorded.count,
                  )
                }
              />
            ),
          },
        ]
      : []),
    {
      name: texts.facts.leader,
      value: host.passive ? texts.passive : (host.leader ?? texts.noLeader),
    },
    {
      name: texts.facts.heartbeat,
      value: host.passive ? texts.passive : <Ago seconds={host.heartbeatSecondsAgo} />,
    },
    { name: texts.facts.clock, value: clock === undefined ? texts.unknown : texts.clockOff(clock) },
    {
      name: texts.facts.blocked,
      value:
        host.blocked === 0 ? (
          texts.none
        ) : (
          <a href={viewAddress('files', { blockedOn: host.hostname })}>
            {formatNumber(host.blocked)}
          </a>
        ),
    },
    {
      name: texts.facts.conflicts,
      value: !host.conflicts ? (
        host.conflicts === 0 ? (
          texts.none
        ) : (
          texts.unknown
        )
      ) : (
        <a href={viewAddress('conflicts', { host: host.hostname })}>
          {formatNumber(host.conflicts)}
        </a>
      ),
    },
    {
      name: texts.facts.unsyncable,
      value: host.unsyncable === 0 ? texts.none : formatNumber(host.unsyncable),
    },
  ];
}

function LastHour({ host }: { host: WireHost }): JSX.Element | null {
  if (host.deliveries.length === 0) return null;
  const all = host.deliveries.reduce((sum, count) => sum + count, 0);
  return (
    <Section title={texts.columns.lastHour} more={texts.deliveredFiles(formatFiles(all), all)}>
      <Spark counts={host.deliveries} />
    </Section>
  );
}

function Failures({ host }: { host: WireHost }): JSX.Element | null {
  if (host.failures.length === 0) return null;
  return (
    <Section title={texts.failuresBySender}>
      <SimpleTable
        label={texts.failuresBySender}
        items={host.failures}
        keyOf={({ from }) => from}
        columns={[
          {
            head: texts.columns.from,
            isRowHead: true,
            cell: ({ from }) => <HostLink name={from} />,
          },
          {
            head: texts.columns.why,
            cell: ({ message, remedy, code }) => (
              <>
                <Text text={message} />{' '}
                <small>
                  <Text text={remedy} /> <Code code={code} />
                </small>
              </>
            ),
          },
          {
            head: texts.columns.since,
            look: 'num',
            cell: ({ sinceSeconds }) => <Age seconds={sinceSeconds} />,
          },
          {
            head: texts.columns.nextTry,
            look: 'num',
            cell: ({ nextTrySeconds }) => <Countdown seconds={nextTrySeconds} />,
          },
        ]}
      />
    </Section>
  );
}

/** The oldest files that wait for the host, and those that are blocked there. */
function Waiting({ host }: { host: WireHost }): JSX.Element | null {
  const { api } = usePage();
  const { count, capped } = host.pending;
  const waiting = useLoaded(
    (signal) =>
      count > 0
        ? api.get<{ files: WireFile[] }>('files', { pendingOn: host.hostname, limit: 50 }, signal)
        : Promise.resolve({ files: [] }),
    `${host.id} ${String(count)} ${String(host.blocked)}`,
  );
  if (count === 0) return null;
  return (
    <Section
      title={texts.whatWaits}
      more={count > 50 ? texts.oldestOf(50, formatCount({ count, capped })) : undefined}
    >
      <Load loaded={waiting}>
        {({ files }) => (
          <>
            <FileList files={files} host={host} label={texts.whatWaits} />
            {count > files.length && (
              <p>
                <a href={viewAddress('files', { pendingOn: host.hostname })}>
                  {texts.allThatWaits}
                </a>
              </p>
            )}
          </>
        )}
      </Load>
    </Section>
  );
}

function Identity({ host }: { host: WireHost }): JSX.Element {
  const { api } = usePage();
  const loaded = useLoaded(
    (signal) => api.get<{ host: WireHostDescription }>(addressOf('hosts', host.id), {}, signal),
    `${host.id} ${host.approval} ${String(host.unsyncable)} ${host.reload?.at ?? ''}`,
  );
  return (
    <Load loaded={loaded}>
      {({ host: row }) => (
        <>
          <Unsyncable names={row.unsyncable ?? []} count={host.unsyncable} />
          <Reload reload={row.reload} />
          <Section title={texts.whoItIs}>
            <Facts
              facts={[
                { name: texts.facts.root, value: <Text text={row.rootPath} /> },
                {
                  name: texts.facts.syncDirs,
                  value: <Text text={row.syncDirs.join(', ') || texts.allDirs} />,
                },
                { name: texts.facts.registered, value: <Since at={row.createdAt} /> },
                {
                  name: texts.facts.ready,
                  value: row.readyAt ? <Since at={row.readyAt} /> : texts.notYet,
                },
                {
                  name: texts.facts.ownKey,
                  value: row.key ? <code>{row.key.fingerprint}</code> : texts.noKey,
                },
                {
                  name: texts.facts.hostKeys,
                  value: row.hostKeys.map(({ fingerprint, type }) => (
                    <div key={fingerprint}>
                      <code>{fingerprint}</code> <small>{type}</small>
                    </div>
                  )),
                },
              ]}
            />
            {host.clockOffsetSeconds !== undefined && Math.abs(host.clockOffsetSeconds) > 5 && (
              <p class="quiet">
                {texts.clockWrong(
                  showHidden(host.hostname),
                  formatSpan(Math.abs(host.clockOffsetSeconds)),
                  host.clockOffsetSeconds > 0,
                )}
              </p>
            )}
          </Section>
        </>
      )}
    </Load>
  );
}
