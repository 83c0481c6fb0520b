import type { JSX } from 'preact';
import { useContext, useState } from 'preact/hooks';
import { formatLocalTime } from '../format.js';
import { useKeepsHistory, useMayChange, usePage } from '../page-context.js';
import { TimeContext } from '../parts/ages.js';
import { Heading } from '../parts/heading.js';
import { Load, useLoaded } from '../parts/loaded.js';
import { remedyOf } from '../parts/notice.js';
import { RestoreDirDialog } from '../dialogs/restore-dir.js';
import { viewAddress } from '../routes.js';
import { texts } from '../texts.js';

/** How long ago the times are that need no typing, in hours. */
const spans = [1, 24, 24 * 7] as const;

/** Restores a whole sync dir as it was at a time. */
export function RestoreView(): JSX.Element {
  const mayChange = useMayChange();
  const keepsHistory = useKeepsHistory();
  return (
    <>
      <Heading title={texts.restoreDir}>{texts.restoreDirMore}</Heading>
      {!keepsHistory ? <p>{remedyOf('NO_HISTORY')}</p> : mayChange && <Choice />}
    </>
  );
}

function Choice(): JSX.Element {
  const { api } = usePage();
  const loaded = useLoaded(
    (signal) => api.get<{ syncDirs: { path: string }[] }>('status', {}, signal),
    'sync dirs',
  );
  return (
    <Load loaded={loaded}>
      {({ syncDirs }) => <TimeForm dirs={syncDirs.map(({ path }) => path)} />}
    </Load>
  );
}

function TimeForm({ dirs }: { dirs: readonly string[] }): JSX.Element {
  const { ask, isStale } = usePage();
  const { now } = useContext(TimeContext);
  const [dir = '', setDir] = useState(dirs[0]);
  const [time, setTime] = useState('');
  return (
    <form
      class="restore"
      onSubmit={(event) => {
        event.preventDefault();
        ask(<RestoreDirDialog dir={dir} at={new Date(time).toISOString()} />);
      }}
    >
      <label class="field">
        <span>{texts.syncDir}</span>
        <select
          value={dir}
          onChange={({ currentTarget }) => {
            setDir(currentTarget.value);
          }}
        >
          {dirs.map((path) => (
            <option key={path}>{path}</option>
          ))}
        </select>
      </label>
      <label class="field">
        <span>{texts.asItWasAt(new Intl.DateTimeFormat().resolvedOptions().timeZone)}</span>
        <input
          type="datetime-local"
          required
          step={1}
          max={now === 0 ? undefined : formatLocalTime(now)}
          value={time}
          onInput={({ currentTarget }) => {
            setTime(currentTarget.value);
          }}
        />
      </label>
      <div class="acts" role="group" aria-label={texts.orSoLongAgo}>
        {spans.map((hours) => (
          <button
            key={hours}
            type="button"
            onClick={() => {
              setTime(formatLocalTime((now === 0 ? Date.now() : now) - hours * 3_600_000));
            }}
          >
            {texts.hoursAgo(hours)}
          </button>
        ))}
      </div>
      <div class="acts">
        <button type="submit" class="main" disabled={isStale || dir === ''}>
          {texts.seeEffect} …
        </button>
      </div>
    </form>
  );
}

/** The way to this view, for those who may restore on a host that keeps a history. */
export function RestoreLink(): JSX.Element | null {
  const mayChange = useMayChange();
  const keepsHistory = useKeepsHistory();
  return mayChange && keepsHistory ? (
    <a href={viewAddress('restore')}>{texts.restoreDirLink}</a>
  ) : null;
}
