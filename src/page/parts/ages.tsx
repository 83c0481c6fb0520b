import { createContext, type JSX } from 'preact';
import { useContext } from 'preact/hooks';
import { formatAgo, formatClock, formatDateTime, formatSpan } from '../format.js';
import { texts } from '../texts.js';

/** The seconds since the shown reading, and the database's time now, in ms. */
export interface PageTime {
  readonly elapsed: number;
  readonly now: number;
}

export const TimeContext = createContext<PageTime>({ elapsed: 0, now: 0 });

/** The server counts ages; they go on here, second by second. */
export function Ago({ seconds }: { seconds: number | undefined }): JSX.Element {
  const { elapsed } = useContext(TimeContext);
  return <>{formatAgo(seconds === undefined ? undefined : seconds + elapsed)}</>;
}

export function Age({ seconds }: { seconds: number | undefined }): JSX.Element {
  const { elapsed } = useContext(TimeContext);
  return <>{seconds === undefined ? '–' : formatSpan(seconds + elapsed)}</>;
}

export function Countdown({ seconds }: { seconds: number | undefined }): JSX.Element {
  const { elapsed } = useContext(TimeContext);
  if (seconds === undefined) return <>–</>;
  const left = seconds - elapsed;
  return <>{left < 1 ? texts.now : texts.inSpan(formatSpan(left))}</>;
}

/** How long ago, by the database's clock; the exact time is its title. */
export function Since({ at }: { at: string }): JSX.Element {
  const { now } = useContext(TimeContext);
  const seconds = Math.max(0, (now - Date.parse(at)) / 1000);
  return (
    <time dateTime={at} title={formatDateTime(at)}>
      {now === 0 ? formatDateTime(at) : formatAgo(seconds)}
    </time>
  );
}

export function Clock({ at }: { at: string }): JSX.Element {
  return (
    <time dateTime={at} title={formatDateTime(at)}>
      {formatClock(at)}
    </time>
  );
}
