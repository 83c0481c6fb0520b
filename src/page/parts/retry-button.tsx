import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { usePage } from '../page-context.js';
import { texts } from '../texts.js';
import { ErrorNotice } from './notice.js';

/** Tries blocked files again now, instead of at the next time by itself. */
export function RetryButton({ host, path }: { host?: string; path?: string }): JSX.Element {
  const { api, say, isStale } = usePage();
  const [isAsking, setAsking] = useState(false);
  const [done, setDone] = useState<string>();
  const [error, setError] = useState<unknown>();
  const retry = (): void => {
    setAsking(true);
    setError(undefined);
    api
      .send<{ retried: number }>('POST', 'files/retry', { host, path })
      .then(({ retried }) => {
        setDone(texts.retried(retried));
        say(texts.retried(retried));
      }, setError)
      .finally(() => {
        setAsking(false);
      });
  };
  return (
    <>
      <button type="button" onClick={retry} disabled={isAsking || isStale}>
        {texts.tryNow}
      </button>
      {done !== undefined && <span class="quiet">{done}</span>}
      {error !== undefined && <ErrorNotice error={error} />}
    </>
  );
}
