import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { addressOf } from '../api.js';
import { formatBytes, formatFiles, showHidden } from '../format.js';
import { usePage } from '../page-context.js';
import { Ask } from '../parts/ask.js';
import { shorten } from '../parts/names.js';
import { ErrorNotice } from '../parts/notice.js';
import { texts } from '../texts.js';
import type { WireChangePreview, WireHost } from '../wire.js';

export function PauseDialog({ host }: { host: WireHost }): JSX.Element {
  const { api } = usePage();
  const [reason, setReason] = useState('');
  const name = shorten(showHidden(host.hostname));
  return (
    <Ask<WireChangePreview>
      title={texts.pauseQuestion(name)}
      load={(signal) => api.get(addressOf('hosts', host.id, 'change'), { to: 'paused' }, signal)}
      describe={({ pending }) => (
        <>
          <ul>
            <li>
              {pending.count === 0
                ? texts.nothingWaitsNow(name)
                : texts.pauseKeepsWaiting(
                    formatFiles(pending),
                    formatBytes(pending.bytes),
                    pending.count,
                  )}
            </li>
            <li>{texts.pauseThen(name)}</li>
            <li>{texts.pauseVisitors}</li>
          </ul>
          <label class="field">
            <span>{texts.pauseReason}</span>
            <input
              maxLength={200}
              value={reason}
              onInput={({ currentTarget }) => {
                setReason(currentTarget.value);
              }}
            />
          </label>
        </>
      )}
      confirm={() => texts.pauseIt(name)}
      run={async () => {
        const given = reason.trim();
        await api.send('PATCH', addressOf('hosts', host.id), {
          status: 'paused',
          ...(given !== '' && { reason: given }),
        });
        return texts.paused(name);
      }}
    />
  );
}

/** Resuming loses nothing and is undone by a pause, so it asks nothing. */
export function ResumeButton({ host }: { host: WireHost }): JSX.Element {
  const { api, say, isStale } = usePage();
  const [isAsking, setAsking] = useState(false);
  const [error, setError] = useState<unknown>();
  const name = shorten(showHidden(host.hostname));
  const resume = (): void => {
    setAsking(true);
    setError(undefined);
    api
      .send('PATCH', addressOf('hosts', host.id), { status: 'approved' })
      .then(() => {
        say(texts.resumed(name));
      }, setError)
      .finally(() => {
        setAsking(false);
      });
  };
  return (
    <>
      <button type="button" onClick={resume} disabled={isAsking || isStale}>
        {texts.resume}
      </button>
      {error !== undefined && <ErrorNotice error={error} />}
    </>
  );
}
