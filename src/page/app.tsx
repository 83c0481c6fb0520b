import type { ComponentChild, JSX } from 'preact';
import { useCallback, useEffect, useMemo, useReducer, useState } from 'preact/hooks';
import { Api } from './api.js';
import { LiveConnection } from './live/connection.js';
import { firstState, isLost, reduceLive, type LiveProblem } from './live/live-state.js';
import { PageContext, type Page } from './page-context.js';
import { TimeContext } from './parts/ages.js';
import { KeysDialog } from './parts/keys-dialog.js';
import { Asking } from './parts/loaded.js';
import { ErrorNotice, remedyOf } from './parts/notice.js';
import { Footer, Header, LiveNotice, type ThemeName } from './parts/shell.js';
import { ApiError } from './read-answer.js';
import { parseRoute } from './routes.js';
import { readSetting, storeSetting } from './settings.js';
import { texts } from './texts.js';
import { useIdlePause, useKeys, useNavigation, useNews, usePageTime } from './use-page.js';
import { EmptySite } from './views/overview.js';
import { SignInView } from './views/sign-in.js';
import { View } from './views/view.js';
import type { PageSession, WireDocument, WireOverview } from './wire.js';

const themes: readonly ThemeName[] = ['auto', 'light', 'dark'];

export function App(): JSX.Element {
  const [route, setRoute] = useState(() => parseRoute(location.hash));
  const [session, setSession] = useState<PageSession>();
  const [sessionError, setSessionError] = useState<unknown>();
  const [live, dispatch] = useReducer(reduceLive, firstState);
  const [dialog, setDialog] = useState<ComponentChild>();
  const [said, setSaid] = useState('');
  const [keysOn, setKeysOn] = useState(() => readSetting('keys') !== 'off');
  const [theme, setTheme] = useState<ThemeName>(
    () => themes.find((name) => name === readSetting('theme')) ?? 'auto',
  );

  const { api, connection, readSession } = useMemo(() => {
    const client = new Api();
    const signOut = (): void => {
      setSession((before) => before && { ...before, signedIn: false });
      setDialog(undefined);
    };
    client.onSignedOut = signOut;
    return {
      api: client,
      connection: new LiveConnection({
        openStream: (path) =>
          new EventSource(
            path === undefined ? 'events' : `events?${new URLSearchParams({ path }).toString()}`,
          ),
        readOverview: (signal) => client.get<WireOverview>('overview', {}, signal),
        readFiles: (path, signal) => client.get<WireDocument>('files', { path }, signal),
        explain: explainFailure,
        dispatch,
        onSignedOut: signOut,
      }),
      readSession: (): void => {
        setSessionError(undefined);
        client.get<PageSession>('session').then(setSession, setSessionError);
      },
    };
  }, []);
  useEffect(readSession, []);

  const isIn = session?.signedIn === true;
  const isPausedByIdle = live.paused?.by === 'idle';
  useEffect(() => {
    if (!isIn || isPausedByIdle) return;
    const follow = (): void => {
      if (document.hidden) {
        connection.stop();
        dispatch({ type: 'hidden' });
      } else connection.start();
    };
    follow();
    document.addEventListener('visibilitychange', follow);
    return () => {
      document.removeEventListener('visibilitychange', follow);
      connection.stop();
    };
  }, [isIn, isPausedByIdle]);

  const say = useCallback((text: string) => {
    // The same sentence twice is said twice, since the text changes in between.
    setSaid('');
    setTimeout(() => {
      setSaid(text);
    }, 50);
  }, []);
  const arrive = useNavigation(setRoute);
  useNews(live.shown?.overview, say);
  useIdlePause(isIn && !live.paused, () => {
    dispatch({ type: 'paused', by: 'idle', now: performance.now() });
  });
  const toggleLive = (): void => {
    dispatch(
      live.paused ? { type: 'resumed' } : { type: 'paused', by: 'reader', now: performance.now() },
    );
  };
  const showKeys = (): void => {
    setDialog(
      <KeysDialog
        areOn={keysOn}
        onSwitch={(on) => {
          setKeysOn(on);
          storeSetting('keys', on ? 'on' : 'off');
        }}
      />,
    );
  };
  useKeys(keysOn && isIn && dialog === undefined, { pause: toggleLive, help: showKeys });
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  const changeTheme = (): void => {
    const next = themes[(themes.indexOf(theme) + 1) % themes.length] ?? 'auto';
    setTheme(next);
    storeSetting('theme', next);
  };
  const signOut = (): void => {
    api.send('DELETE', 'session').then(() => {
      say(texts.signedOut);
      readSession();
    }, setSessionError);
  };

  const { time, now } = usePageTime(live);
  const isStale =
    live.shown?.overview.unavailable !== undefined || live.problem !== undefined || isLost(live);
  const page: Page | undefined = session && {
    api,
    session,
    live,
    isStale,
    say,
    ask: setDialog,
    closeDialog: () => {
      setDialog(undefined);
    },
    arrive,
    watch: (path) => {
      connection.watch(path);
    },
  };
  return (
    <PageContext.Provider value={page}>
      <TimeContext.Provider value={time}>
        <a
          class="skip"
          href="#main"
          onClick={(event) => {
            event.preventDefault();
            document.querySelector<HTMLElement>('h1')?.focus();
          }}
        >
          {texts.skip}
        </a>
        <Header
          {...(isIn && { route, live })}
          theme={theme}
          onTheme={changeTheme}
          onLive={toggleLive}
        />
        <main id="main" class={isIn && isStale ? 'stale' : undefined}>
          {sessionError !== undefined && <ErrorNotice error={sessionError} retry={readSession} />}
          {!session && sessionError === undefined && <Asking />}
          {session && !isIn && <SignInView api={api} session={session} done={setSession} />}
          {session && isIn && (
            <>
              <LiveNotice
                live={live}
                now={now}
                session={session}
                onRetry={() => {
                  connection.retryNow();
                }}
              />
              {live.shown ? (
                <View key={JSON.stringify(route)} route={route} overview={live.shown.overview} />
              ) : live.problem?.code === 'NOT_INITIALISED' ? (
                <EmptySite />
              ) : live.problem ? (
                <ErrorNotice error={asError(live.problem)} />
              ) : (
                <Asking />
              )}
            </>
          )}
        </main>
        <Footer {...(isIn && { live, session })} onKeys={showKeys} onSignOut={signOut} />
        <p class="unseen" aria-live="polite">
          {said}
        </p>
        {page && dialog}
      </TimeContext.Provider>
    </PageContext.Provider>
  );
}

function asError({ message, code, remedy }: LiveProblem): ApiError {
  return new ApiError(0, message, code, remedy);
}

function explainFailure(error: unknown): LiveProblem | 'signed out' | undefined {
  if (!(error instanceof ApiError)) return undefined;
  if (error.status === 401) return 'signed out';
  const { message, code } = error;
  const remedy = error.remedy ?? remedyOf(code);
  return {
    message,
    ...(code !== undefined && { code }),
    ...(remedy !== undefined && { remedy }),
  };
}
