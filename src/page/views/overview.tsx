import type { ComponentChildren, JSX } from 'preact';
import { capitalise, formatBytes, formatCount, formatFiles } from '../format.js';
import { findWaiting, shownName } from '../group-hosts.js';
import { useMayChange, usePage } from '../page-context.js';
import { Clock } from '../parts/ages.js';
import { Command } from '../parts/command.js';
import { Heading, Section } from '../parts/heading.js';
import { HostTable } from '../parts/host-table.js';
import { TestConnection } from '../parts/test-connection.js';
import { HostLink, Text } from '../parts/names.js';
import { NeedList } from '../parts/need-list.js';
import { isUnfinished, RunList } from '../parts/run-list.js';
import { texts } from '../texts.js';
import type { IconName } from '../parts/icon.js';
import { stateIcons } from '../parts/state-word.js';
import type { WireNeed, WireOverview } from '../wire.js';

export function OverviewView({ overview }: { overview: WireOverview }): JSX.Element {
  if (overview.hosts.length === 0) return <EmptySite overview={overview} />;
  const running = overview.runs.filter(isUnfinished);
  const ended = overview.runs.filter((run) => !isUnfinished(run));
  return (
    <>
      <Heading title={overview.headline} icon={iconOf(overview)}>
        <Summary overview={overview} />
      </Heading>
      {overview.needs.length > 0 && (
        <Section title={texts.needsYou}>
          <NeedList needs={overview.needs} actionsOf={(need) => <NeedAction need={need} />} />
        </Section>
      )}
      <Section
        title={texts.hosts}
        more={overview.hosts.length > 1 ? texts.hostsListed(overview.hosts.length) : undefined}
      >
        <HostTable hosts={overview.hosts} />
      </Section>
      <div class="two">
        <div>
          <Section title={running.length > 0 ? texts.runsUnderWay : texts.runs}>
            {overview.runs.length === 0 ? (
              <p class="quiet">{texts.noRuns}</p>
            ) : (
              <RunList runs={running.length > 0 ? running : ended.slice(0, 3)} />
            )}
          </Section>
        </div>
        <Section title={texts.lately}>
          {overview.recent.length === 0 && <p class="quiet">{texts.nothingLately}</p>}
          <ul class="plain">
            {overview.recent.slice(0, 8).map(({ at, host, text }, index) => (
              <li key={`${at} ${String(index)}`}>
                <span class="quiet">
                  <Clock at={at} />
                </span>{' '}
                {host !== undefined && <HostLink name={host} />} <Text text={text} />
              </li>
            ))}
          </ul>
        </Section>
      </div>
    </>
  );
}

/** The icon of the worst state: no summary looks better than its worst detail. */
function iconOf({ hosts, needs }: WireOverview): IconName {
  const [worst] = hosts;
  if (worst && worst.state !== 'up to date') return stateIcons[worst.state];
  return needs.length > 0 ? 'behind' : 'ok';
}

/** Who waits for how many files, and that the others have all. */
function Summary({ overview }: { overview: WireOverview }): JSX.Element {
  const { hosts, others } = findWaiting(overview.hosts);
  const parts: ComponentChildren[] = hosts.map((host, at) => (
    <>
      {at === 0
        ? `${capitalise(formatFiles(host.pending))} (${formatBytes(host.pending.bytes)}) ` +
          `${texts.waitFor(host.pending.count)} `
        : `; ${formatCount(host.pending)} ${texts.forHost} `}
      <bdi>{shownName(host)}</bdi>
      {texts.whileState[host.state] ?? ''}
    </>
  ));
  const complete = overview.hosts.filter(({ state }) => state === 'up to date').length;
  return (
    <>
      {parts}
      {others > 0 && `; ${texts.andOtherHosts(others)}`}
      {parts.length > 0 && '. '}
      {texts.entriesKnown(overview.entries, complete, overview.hosts.length)}
      {overview.missing.count > 0 &&
        ` ${texts.nowhere(formatFiles(overview.missing), overview.missing.count)}`}
      {(overview.captures.oldestSeconds ?? 0) > 60 &&
        ` ${texts.capturesWait(formatCount(overview.captures.count))}`}
    </>
  );
}

/** The one button that a need may have besides its link. */
function NeedAction({ need }: { need: WireNeed }): JSX.Element | null {
  const { live } = usePage();
  const mayChange = useMayChange();
  const host = live.shown?.overview.hosts.find(({ hostname }) => hostname === need.host);
  if (!mayChange || need.kind !== 'host' || host?.state !== 'down') return null;
  return <TestConnection host={host} />;
}

/** Nobody has run `init` yet: the exact command, with the root and the sync dirs. */
export function EmptySite({ overview }: { overview?: WireOverview }): JSX.Element {
  const need = overview?.needs.find(({ command }) => command !== undefined);
  return (
    <>
      <Heading title={overview?.headline ?? texts.noHostTitle}>
        {need ? <Text text={need.cause} /> : texts.noHost}
      </Heading>
      <Command command={need?.command ?? texts.initCommand} />
      <p class="quiet">{need ? <Text text={`${need.remedy} ${need.safe}`} /> : null}</p>
      <p class="quiet">{texts.noHostThen}</p>
    </>
  );
}
