import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { formatBytes, formatFiles, formatNumber } from '../format.js';
import { useMayChange, usePage } from '../page-context.js';
import { Since } from '../parts/ages.js';
import { Heading, Section } from '../parts/heading.js';
import { Load, useLoaded } from '../parts/loaded.js';
import { Text } from '../parts/names.js';
import { isUnfinished, RunList } from '../parts/run-list.js';
import { RunWord } from '../parts/state-word.js';
import { SimpleTable } from '../parts/table.js';
import { RestoreLink } from './restore.js';
import { VerifyDialog } from '../dialogs/verify.js';
import { runAddress } from '../routes.js';
import { texts } from '../texts.js';
import type { WireRun } from '../wire.js';

interface RunPage {
  runs: WireRun[];
  next?: string;
}

export function RunsView(): JSX.Element {
  const { ask, isStale, live } = usePage();
  const mayChange = useMayChange();
  const overview = live.shown?.overview;
  const running = overview?.runs.filter(isUnfinished) ?? [];
  const here = overview?.thisHost?.hostname;
  return (
    <>
      <Heading title={texts.runs}>{texts.runsMore}</Heading>
      {mayChange && here !== undefined && (
        <div class="acts">
          <button
            type="button"
            disabled={isStale}
            onClick={() => {
              ask(<VerifyDialog at={here} />);
            }}
          >
            {texts.verifyAll} …
          </button>
          <RestoreLink />
        </div>
      )}
      <Section title={texts.runsUnderWay}>
        {running.length === 0 ? <p class="quiet">{texts.noneRuns}</p> : <RunList runs={running} />}
      </Section>
      <Ended ended={overview?.runs.find((run) => !isUnfinished(run))?.id} />
    </>
  );
}

/** Runs that have ended; read again when another one ends. */
function Ended({ ended }: { ended: string | undefined }): JSX.Element {
  const { api, live } = usePage();
  const [after, setAfter] = useState<readonly string[]>([]);
  const last = after.at(-1);
  const names = new Map(live.shown?.overview.hosts.map(({ id, hostname }) => [id, hostname]));
  const nameOf = (id: string): string => names.get(id) ?? id;
  const loaded = useLoaded(
    (signal) => api.get<RunPage>('runs', { limit: 50, after: last }, signal),
    `${ended ?? ''} ${last ?? ''}`,
  );
  return (
    <Section title={texts.runsBefore}>
      <Load loaded={loaded}>
        {({ runs, next }) => {
          const shown = runs.filter((run) => !isUnfinished(run));
          return (
            <>
              {shown.length === 0 ? (
                <p class="quiet">{texts.noRuns}</p>
              ) : (
                <SimpleTable
                  label={texts.runsBefore}
                  items={shown}
                  keyOf={({ id }) => id}
                  columns={[
                    {
                      head: texts.columns.run,
                      isRowHead: true,
                      cell: ({ id, kind, at, dryRun }) => (
                        <a href={runAddress(id)}>
                          <bdi>{texts.runTitle(kind, nameOf(at), dryRun)}</bdi>
                        </a>
                      ),
                    },
                    { head: texts.columns.state, cell: ({ state }) => <RunWord state={state} /> },
                    {
                      head: texts.columns.files,
                      look: 'num',
                      cell: ({ files, filesFound }) =>
                        texts.ofTotal(formatNumber(files), formatNumber(filesFound)),
                    },
                    {
                      head: texts.columns.size,
                      look: 'num more',
                      cell: ({ bytes }) => formatBytes(bytes),
                    },
                    {
                      head: texts.columns.asked,
                      look: 'num',
                      cell: ({ requestedAt }) => <Since at={requestedAt} />,
                    },
                    {
                      head: texts.columns.who,
                      look: 'more',
                      cell: ({ requestedBy }) => <Text text={requestedBy} />,
                    },
                  ]}
                />
              )}
              <div class="acts">
                {after.length > 0 && (
                  <button
                    type="button"
                    onClick={() => {
                      setAfter(after.slice(0, -1));
                    }}
                  >
                    {texts.previous}
                  </button>
                )}
                {next !== undefined && (
                  <button
                    type="button"
                    onClick={() => {
                      setAfter([...after, next]);
                    }}
                  >
                    {texts.next(50)}
                  </button>
                )}
              </div>
            </>
          );
        }}
      </Load>
    </Section>
  );
}

export const describeAmount = ({ files, filesFound, bytes }: WireRun): string =>
  `${texts.ofTotal(formatNumber(files), formatFiles(filesFound))}, ${formatBytes(bytes)}`;
