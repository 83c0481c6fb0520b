import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { formatBytes, formatDateTime, formatFiles, showHidden } from '../format.js';
import { usePage } from '../page-context.js';
import { Ask } from '../parts/ask.js';
import { LeftOutFiles } from '../parts/left-out.js';
import { shorten, Text } from '../parts/names.js';
import { describeListed, namesFiles, PlannedPaths } from '../parts/planned-paths.js';
import { RunProgress } from '../parts/run-list.js';
import { runAddress } from '../routes.js';
import { texts } from '../texts.js';
import type { WireRun } from '../wire.js';
import { followRun } from './follow-run.js';

interface RestoreDirProps {
  readonly dir: string;
  /** ISO 8601. */
  readonly at: string;
  /** A dry run that has ended just now; without it the dialog makes one. */
  readonly dryRun?: WireRun;
}

/** The restore of a whole sync dir. The dialog makes a dry run and shows it; then it can start. */
export function RestoreDirDialog({ dir, at, dryRun }: RestoreDirProps): JSX.Element {
  const { api } = usePage();
  const [progress, setProgress] = useState<WireRun>();
  const title = texts.restoreDirQuestion(shorten(showHidden(dir)), formatDateTime(at));
  const request = (how: object, signal?: AbortSignal): Promise<{ run: WireRun }> =>
    api.send('POST', 'history/restore-dir', { dir, at, ...how }, signal);
  return (
    <Ask<WireRun>
      title={title}
      load={async (signal) => {
        if (dryRun) return dryRun;
        const { run } = await request({ dryRun: true }, signal);
        return followRun(api, run, setProgress, signal);
      }}
      loading={() => (
        <div>
          <p>{texts.dryRunGoesOn}</p>
          {progress && <RunProgress run={progress} label={title} />}
        </div>
      )}
      describe={(run) => <Effect run={run} />}
      confirm={({ state, filesFound }) =>
        state === 'done' && filesFound > 0 ? texts.restoreThem(formatFiles(filesFound)) : undefined
      }
      run={async ({ requestedAt, restoresBefore: before = requestedAt }) => {
        // Files that were saved since the dry run were not shown, so they stay.
        const { run } = await request({ dryRun: false, before });
        location.hash = runAddress(run.id);
        return texts.runAskedFor;
      }}
    />
  );
}

/** How many files come back, are replaced and stay, and the first of their names. */
function Effect({ run }: { run: WireRun }): JSX.Element {
  const { filesFound, bytesFound, transferReasons = [], leftOut = [], failures, failure } = run;
  const isDone = run.state === 'done';
  const listed = describeListed(run);
  return (
    <>
      <ul>
        {failure && (
          <li>
            <Text text={failure.message} />
          </li>
        )}
        {failures.map(({ failure: { code, message } }) => (
          <li key={`${code} ${message}`}>
            <Text text={message} />
          </li>
        ))}
        {isDone && filesFound === 0 && <li>{texts.nothingToRestore}</li>}
        {transferReasons.map(({ why, count }) => (
          <li key={why}>{texts.wouldRestore(formatFiles(count), count, why)}</li>
        ))}
        {filesFound > 0 && <li>{texts.restoreDirThen(formatBytes(bytesFound))}</li>}
      </ul>
      {namesFiles(run) && <PlannedPaths run={run} nameOf={(host) => host} />}
      {namesFiles(run) && listed !== undefined && <p class="quiet">{listed}</p>}
      {leftOut.length > 0 && (
        <>
          <h3>{texts.leftOut}</h3>
          <LeftOutFiles run={run} />
        </>
      )}
    </>
  );
}
