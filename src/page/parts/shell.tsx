import type { ComponentChildren, JSX } from 'preact';
import { formatSpan, formatZonedClock, showHidden } from '../format.js';
import { isLost, type LiveState } from '../live/live-state.js';
import type { PageRoute, ViewName } from '../routes.js';
import { texts } from '../texts.js';
import type { PageSession } from '../wire.js';
import { Icon, type IconName } from './icon.js';
import { shorten } from './names.js';
import { Notice } from './notice.js';

const links: readonly { view: ViewName; address: string; belongs: readonly ViewName[] }[] = [
  { view: 'overview', address: '#/', belongs: ['overview', 'host'] },
  { view: 'files', address: '#/files', belongs: ['files'] },
  { view: 'runs', address: '#/runs', belongs: ['runs', 'run'] },
  { view: 'conflicts', address: '#/conflicts', belongs: ['conflicts'] },
  { view: 'removals', address: '#/removals', belongs: ['removals'] },
  { view: 'trash', address: '#/trash', belongs: ['trash', 'restore'] },
  { view: 'audit', address: '#/audit', belongs: ['audit'] },
];

export type ThemeName = 'auto' | 'light' | 'dark';

interface HeaderProps {
  readonly route?: PageRoute;
  readonly live?: LiveState;
  readonly theme: ThemeName;
  readonly onTheme: () => void;
  readonly onLive: () => void;
}

export function Header({ route, live, theme, onTheme, onLive }: HeaderProps): JSX.Element {
  return (
    <header>
      <strong>syncmedia</strong>
      {route && live && (
        <nav aria-label={texts.viewsLabel}>
          {links.map(({ view, address, belongs }) => {
            const count = countOf(view, live);
            return (
              <a
                key={view}
                href={address}
                aria-current={belongs.includes(route.view) ? 'page' : undefined}
              >
                {texts.views[view as keyof typeof texts.views]}
                {count > 0 && <b>{count}</b>}
              </a>
            );
          })}
        </nav>
      )}
      <div class="tools">
        {live && <LiveButton live={live} onLive={onLive} />}
        <button type="button" onClick={onTheme}>
          {texts.theme(texts.themes[theme])}
        </button>
      </div>
    </header>
  );
}

/** What waits for a person in a view. */
function countOf(view: ViewName, { shown }: LiveState): number {
  if (!shown) return 0;
  const { hosts, needs } = shown.overview;
  if (view === 'conflicts') return hosts.reduce((sum, { conflicts = 0 }) => sum + conflicts, 0);
  return view === 'removals' ? needs.filter(({ kind }) => kind === 'removals').length : 0;
}

function LiveButton({ live, onLive }: { live: LiveState; onLive: () => void }): JSX.Element {
  const { paused, connection } = live;
  const [icon, text]: [IconName, string] = paused
    ? ['paused', `${texts.pausedBy[paused.by]}${texts.pausedWith(paused.changes)}`]
    : connection === 'live'
      ? ['holds', texts.live]
      : connection === 'polling'
        ? ['owed', texts.polling]
        : connection === 'lost'
          ? ['behind', texts.notLive]
          : ['owed', texts.connecting];
  return (
    <button
      type="button"
      class="live"
      aria-pressed={!paused}
      title={texts.pauseHint}
      onClick={onLive}
    >
      <Icon name={icon} /> <span>{text}</span>
    </button>
  );
}

/** Says so where the page is old, read-only, or without a database. */
export function LiveNotice({
  live,
  now,
  session,
  onRetry,
}: {
  live: LiveState;
  /** The page's clock. */
  now: number;
  session: PageSession;
  onRetry: () => void;
}): JSX.Element {
  const at = live.shown?.overview.at;
  const unavailable = live.shown?.overview.unavailable;
  const problem = live.problem;
  const isDatabaseDown = unavailable !== undefined || problem?.code === 'NO_CONNECTION';
  const retry = (
    <button type="button" onClick={onRetry}>
      {texts.tryAgain}
    </button>
  );
  const lines: ComponentChildren[] = [];
  if (isDatabaseDown) {
    const since = unavailable?.since ?? at;
    lines.push(
      <Notice key="database" icon="down" actions={retry}>
        <p>
          {since === undefined ? problem?.message : texts.databaseDown(formatZonedClock(since))}
        </p>
        <p class="quiet">{texts.databaseDownThen}</p>
      </Notice>,
    );
  } else if (at !== undefined && isLost(live)) {
    const left = ((live.retryAt ?? now) - now) / 1000;
    lines.push(
      <Notice key="lost" actions={retry}>
        <p>
          {texts.notLiveSince(formatZonedClock(at))}{' '}
          {left >= 1 ? texts.tryingAgain(formatSpan(left)) : texts.tryingNow}
        </p>
        {problem && <p class="quiet">{problem.message}</p>}
      </Notice>,
    );
  } else if (at !== undefined && live.connection === 'polling') {
    lines.push(
      <Notice key="polling" actions={retry}>
        <p>
          {problem
            ? texts.notLiveSince(formatZonedClock(at))
            : texts.pollingSince(formatZonedClock(at))}
        </p>
        {problem && <p class="quiet">{problem.message}</p>}
      </Notice>,
    );
  }
  if (!session.mayChange) {
    lines.push(
      <Notice key="read-only" icon="holds">
        <p>{texts.onlyShows}</p>
      </Notice>,
    );
  }
  return <>{lines}</>;
}

interface FooterProps {
  readonly live?: LiveState;
  readonly session?: PageSession;
  readonly onKeys: () => void;
  readonly onSignOut: () => void;
}

export function Footer({ live, session, onKeys, onSignOut }: FooterProps): JSX.Element {
  const overview = live?.shown?.overview;
  const here = overview?.thisHost?.hostname;
  return (
    <footer>
      <span>
        {here !== undefined && `${texts.answeredBy(shorten(showHidden(here)))}, `}
        {overview && texts.readAt(formatZonedClock(overview.at))}
        {session?.version !== undefined && ` · syncmedia ${session.version}`}
      </span>
      <span class="tools">
        {session?.signedIn && session.until !== undefined && (
          <>
            <span>{texts.signedInAs(session.name && shorten(showHidden(session.name)))}</span>
            <button type="button" onClick={onSignOut}>
              {texts.signOut}
            </button>
          </>
        )}
        <button type="button" onClick={onKeys}>
          {texts.keysButton}
        </button>
      </span>
    </footer>
  );
}
