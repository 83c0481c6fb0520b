import type { JSX } from 'preact';
import {
  capitalise,
  formatDateTime,
  formatFiles,
  formatNumber,
  formatSpan,
  showHidden,
} from '../format.js';
import { addressOf } from '../api.js';
import { useMayChange, usePage } from '../page-context.js';
import { Since } from '../parts/ages.js';
import { Facts, PathBox } from '../parts/facts.js';
import { Heading, Section } from '../parts/heading.js';
import { Load, useLoaded } from '../parts/loaded.js';
import { Code, HostLink, Text, shorten } from '../parts/names.js';
import { Notice } from '../parts/notice.js';
import { isUnfinished, RunProgress } from '../parts/run-list.js';
import { runIcons } from '../parts/state-word.js';
import { SimpleTable } from '../parts/table.js';
import { LeftOutFiles } from '../parts/left-out.js';
import { describeListed, namesFiles, PlannedPaths } from '../parts/planned-paths.js';
import { CancelRunDialog } from '../dialogs/cancel-run.js';
import { RestoreDirDialog } from '../dialogs/restore-dir.js';
import { TransferDialog } from '../dialogs/transfer.js';
import { RepairDialog } from '../dialogs/verify.js';
import { texts } from '../texts.js';
import type { WireRun } from '../wire.js';
import { describeAmount } from './runs.js';

/** One run: it is the same on every host and after every reload, since it lives in the database. */
export function RunView({ id }: { id: string }): JSX.Element {
  const { api, live } = usePage();
  const summary = live.shown?.overview.runs.find((run) => run.id === id);
  const key = summary && [summary.state, summary.files, summary.bytes, summary.filesFound].join();
  const loaded = useLoaded(
    async (signal) => (await api.get<{ run: WireRun }>(addressOf('runs', id), {}, signal)).run,
    `${id} ${key ?? ''}`,
  );
  const names = new Map(
    live.shown?.overview.hosts.map(({ id: host, hostname }) => [host, hostname]),
  );
  const nameOf = (host: string): string => names.get(host) ?? host;
  return (
    <Load loaded={loaded}>{(run) => <KnownRun run={run} nameOf={nameOf} key={run.id} />}</Load>
  );
}

interface RunProps {
  readonly run: WireRun;
  readonly nameOf: (host: string) => string;
}

function KnownRun({ run, nameOf }: RunProps): JSX.Element {
  const at = shorten(showHidden(nameOf(run.at)));
  const title = texts.runTitle(run.kind, at, run.dryRun);
  const isGoing = isUnfinished(run);
  return (
    <>
      <Heading title={title} icon={runIcons[run.state]}>
        {capitalise(texts.runStates[run.state])}. {capitalise(texts.askedBy)}{' '}
        <Text text={run.requestedBy} /> <Since at={run.requestedAt} />. {isGoing && texts.mayClose}
      </Heading>
      {isGoing && (
        <div class="plain">
          <RunProgress run={run} label={title} />
        </div>
      )}
      {run.failure && (
        <Notice icon="down">
          <p>
            <Text text={run.failure.message} /> <Code code={run.failure.code} />
          </p>
        </Notice>
      )}
      <Facts
        facts={[
          { name: texts.facts.done, value: describeAmount(run), isBig: true },
          { name: texts.facts.hosts, value: listOr(run.hosts.map(nameOf), texts.allHostsMeant) },
          { name: texts.facts.syncDirs, value: listOr(run.dirs, texts.allDirs) },
          ...(run.restoresTo === undefined
            ? []
            : [{ name: texts.facts.restoresTo, value: formatDateTime(run.restoresTo) }]),
          { name: texts.facts.took, value: tookOf(run) },
        ]}
      />
      <Findings run={run} nameOf={nameOf} />
      <FailureTable run={run} nameOf={nameOf} />
      <WouldTransfer run={run} nameOf={nameOf} />
      <LeftOut run={run} />
      <RunActions run={run} nameOf={nameOf} />
    </>
  );
}

function listOr(words: readonly string[], empty: string): JSX.Element {
  return <Text text={words.length === 0 ? empty : words.join(', ')} />;
}

function tookOf({ startedAt, endedAt }: WireRun): string {
  if (startedAt === undefined) return texts.notStarted;
  if (endedAt === undefined) return texts.stillRuns;
  return formatSpan((Date.parse(endedAt) - Date.parse(startedAt)) / 1000);
}

function Findings({ run, nameOf }: RunProps): JSX.Element | null {
  if (!run.findings?.length) return null;
  const count = (value: number | undefined): string =>
    value === undefined ? '–' : formatNumber(value);
  return (
    <Section title={texts.findingsLabel}>
      <SimpleTable
        label={texts.findingsLabel}
        items={run.findings}
        keyOf={({ host }) => host}
        columns={[
          {
            head: texts.columns.host,
            isRowHead: true,
            cell: ({ host }) => <HostLink name={nameOf(host)} />,
          },
          { head: texts.columns.same, look: 'num', cell: ({ same }) => count(same) },
          { head: texts.columns.missing, look: 'num', cell: ({ missing }) => count(missing) },
          { head: texts.columns.different, look: 'num', cell: ({ different }) => count(different) },
          { head: texts.columns.extra, look: 'num', cell: ({ extra }) => count(extra) },
          { head: texts.columns.repaired, look: 'num', cell: ({ repaired }) => count(repaired) },
        ]}
      />
      {(run.pathFindings?.length ?? 0) > 0 && (
        <PathBox
          label={texts.findingPaths}
          paths={(run.pathFindings ?? []).map(({ host, path, finding }) => ({
            path,
            note: `${nameOf(host)}: ${texts.findings[finding]}`,
          }))}
        />
      )}
    </Section>
  );
}

function FailureTable({ run, nameOf }: RunProps): JSX.Element | null {
  if (run.failures.length === 0) return null;
  return (
    <Section title={texts.whatFailed}>
      <SimpleTable
        label={texts.whatFailed}
        items={run.failures}
        keyOf={({ host, failure }) => `${host} ${failure.code} ${failure.message}`}
        columns={[
          {
            head: texts.columns.host,
            isRowHead: true,
            cell: ({ host }) => <HostLink name={nameOf(host)} />,
          },
          {
            head: texts.columns.why,
            cell: ({ failure }) => (
              <>
                <Text text={failure.message} /> <Code code={failure.code} />
              </>
            ),
          },
        ]}
      />
    </Section>
  );
}

function WouldTransfer({ run, nameOf }: RunProps): JSX.Element | null {
  if (!namesFiles(run)) return null;
  return (
    <Section title={texts.pathsOfDryRun(run.restoresTo !== undefined)} more={describeListed(run)}>
      <PlannedPaths run={run} nameOf={nameOf} />
    </Section>
  );
}

/** What a restore of a sync dir leaves as it is, and why. */
function LeftOut({ run }: Pick<RunProps, 'run'>): JSX.Element | null {
  if (!run.leftOut?.length) return null;
  return (
    <Section title={texts.leftOut}>
      <LeftOutFiles run={run} />
    </Section>
  );
}

/** What may follow: cancelling, the transfer after its dry run, the repair after a verification. */
function RunActions({ run, nameOf }: RunProps): JSX.Element | null {
  const { ask, isStale, live } = usePage();
  const mayChange = useMayChange();
  if (!mayChange) return null;
  const at = nameOf(run.at);
  const button = (text: string, act: () => void, look: string): JSX.Element => (
    <p>
      <button type="button" class={look} disabled={isStale} onClick={act}>
        {text} …
      </button>
    </p>
  );
  if (isUnfinished(run))
    return button(
      texts.cancelRun,
      () => {
        ask(<CancelRunDialog run={run} />);
      },
      'grave',
    );
  const { kind } = run;
  const isTransfer = kind === 'push' || kind === 'pull' || kind === 'adopt';
  if (isTransfer && run.dryRun && run.state === 'done')
    return button(
      texts.startTransfer(kind),
      () => {
        ask(<TransferDialog kind={kind} at={at} hosts={run.hosts} dirs={run.dirs} dryRun={run} />);
      },
      'main',
    );
  const { restoresTo } = run;
  const [dir] = run.dirs;
  // The host that answers restores, by its own history.
  const isHere = run.at === live.shown?.overview.thisHost?.id;
  const isRestore = restoresTo !== undefined && dir !== undefined && isHere;
  if (isRestore && run.dryRun && run.state === 'done' && run.filesFound > 0)
    return button(
      texts.restoreThem(formatFiles(run.filesFound)),
      () => {
        ask(<RestoreDirDialog dir={dir} at={restoresTo} dryRun={run} />);
      },
      'main',
    );
  const faults = (run.findings ?? []).some(({ missing, different }) => missing + different > 0);
  if (kind === 'verify' && !run.repair && faults)
    return button(
      texts.repair,
      () => {
        ask(<RepairDialog run={run} at={at} />);
      },
      'main',
    );
  return null;
}
