import type { JSX } from 'preact';
import { useContext } from 'preact/hooks';
import { formatBytes, formatFiles, formatNumber, formatSpan } from '../format.js';
import { runAddress } from '../routes.js';
import { texts } from '../texts.js';
import type { WireRunSummary } from '../wire.js';
import { Ago, TimeContext } from './ages.js';
import { Text } from './names.js';
import { RunWord } from './state-word.js';

export const isUnfinished = ({ state }: { state: WireRunSummary['state'] }): boolean =>
  state === 'requested' || state === 'running';

type Progressed = Pick<
  WireRunSummary,
  'files' | 'filesFound' | 'bytes' | 'bytesFound' | 'state'
> & { secondsLeft?: number; bytesPerSecond?: number };

/** How far a run is. Without a known total the bar only says that something is going on. */
export function RunProgress({ run, label }: { run: Progressed; label: string }): JSX.Element {
  const { elapsed } = useContext(TimeContext);
  const { files, filesFound, bytes, bytesFound, secondsLeft, bytesPerSecond } = run;
  const left = secondsLeft === undefined ? undefined : Math.max(1, secondsLeft - elapsed);
  return (
    <>
      {filesFound > 0 ? (
        <progress max={filesFound} value={files} aria-label={label} />
      ) : (
        <progress aria-label={label} />
      )}
      <p>
        <span>
          {filesFound > 0
            ? `${formatNumber(files)} of ${formatFiles(filesFound)}, ${formatBytes(bytes)} of ` +
              `${formatBytes(bytesFound)}`
            : run.state === 'requested'
              ? texts.runWaits
              : texts.runSearches}
        </span>
        <span class="quiet">
          {bytesPerSecond !== undefined && `${formatBytes(bytesPerSecond)}/s`}
          {left !== undefined && ` ${texts.aboutLeft(formatSpan(left))}`}
        </span>
      </p>
    </>
  );
}

export function RunList({ runs }: { runs: readonly WireRunSummary[] }): JSX.Element {
  return (
    <ul class="plain">
      {runs.map((run) => (
        <li key={run.id}>
          <p>
            <span>
              <a href={runAddress(run.id)}>{texts.runTitle(run.kind, run.at, run.dryRun)}</a>
            </span>
            {!isUnfinished(run) && <RunWord state={run.state} />}
          </p>
          {isUnfinished(run) && (
            <RunProgress run={run} label={texts.runTitle(run.kind, run.at, run.dryRun)} />
          )}
          <p class="quiet">
            <span>{!isUnfinished(run) && <Text text={run.result} />}</span>
            <span>
              <Ago seconds={run.requestedSecondsAgo} />, {texts.askedBy}{' '}
              <Text text={run.requestedBy} />
            </span>
          </p>
        </li>
      ))}
    </ul>
  );
}
