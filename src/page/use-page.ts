import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { findNews } from './find-news.js';
import { KeyReader, type KeyCommand } from './keys.js';
import type { LiveState } from './live/live-state.js';
import type { PageTime } from './parts/ages.js';
import { requestSearch } from './search-request.js';
import { parseRoute, type PageRoute } from './routes.js';
import type { WireOverview } from './wire.js';

const idleMs = 30 * 60_000;

/** Calls `pause` after 30 minutes without a key or a movement of the pointer. */
export function useIdlePause(isOn: boolean, pause: () => void): void {
  const latest = useRef(pause);
  latest.current = pause;
  useEffect(() => {
    if (!isOn) return;
    let timer: ReturnType<typeof setTimeout>;
    const begin = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        latest.current();
      }, idleMs);
    };
    begin();
    for (const type of ['keydown', 'pointermove', 'pointerdown'])
      addEventListener(type, begin, { passive: true });
    return () => {
      clearTimeout(timer);
      for (const type of ['keydown', 'pointermove', 'pointerdown'])
        removeEventListener(type, begin);
    };
  }, [isOn]);
}

/** Listens to keys, unless somebody is typing. */
export function useKeys(isOn: boolean, commands: Record<'pause' | 'help', () => void>): void {
  const latest = useRef(commands);
  latest.current = commands;
  useEffect(() => {
    if (!isOn) return;
    const reader = new KeyReader();
    const read = (event: KeyboardEvent): void => {
      const { key, target, ctrlKey, metaKey, altKey } = event;
      if (ctrlKey || metaKey || altKey) return;
      if (target instanceof Element && target.closest('input, select, textarea, dialog')) return;
      const command = reader.read(key, performance.now());
      if (!command) return;
      event.preventDefault();
      carryOut(command, latest.current);
    };
    addEventListener('keydown', read);
    return () => {
      removeEventListener('keydown', read);
    };
  }, [isOn]);
}

function carryOut(
  command: KeyCommand,
  { pause, help }: Record<'pause' | 'help', () => void>,
): void {
  if (command === 'pause') pause();
  else if (command === 'help') help();
  else if (command === 'find') goToSearch();
  else location.hash = command === 'overview' ? '#/' : `#/${command}`;
}

/** Opens the view of files, with the cursor in its field. */
function goToSearch(): void {
  if (location.hash.startsWith('#/files')) {
    document.querySelector<HTMLInputElement>('#q')?.select();
    return;
  }
  requestSearch();
  location.hash = '#/files';
}

/** Ticks once a second, except while the page is paused or hidden: then nothing moves. */
export function usePageTime(live: LiveState): { time: PageTime; now: number } {
  const [now, setNow] = useState(() => performance.now());
  const isStill = live.paused !== undefined || live.connection === 'hidden';
  useEffect(() => {
    setNow(performance.now());
    if (isStill) return;
    const timer = setInterval(() => {
      setNow(performance.now());
    }, 1_000);
    return () => {
      clearInterval(timer);
    };
  }, [isStill, live.shown]);
  const shownNow = live.paused?.at ?? now;
  const elapsed = live.shown ? Math.max(0, Math.floor((shownNow - live.shown.readAt) / 1000)) : 0;
  const read = live.shown ? Date.parse(live.shown.overview.at) : 0;
  return { time: { elapsed, now: read === 0 ? 0 : read + elapsed * 1000 }, now };
}

/** Follows the address; a new view begins at its heading. */
export function useNavigation(setRoute: (route: PageRoute) => void): () => void {
  const isNew = useRef(false);
  // At once with the first view: an effect comes later, and would miss a change before it.
  useLayoutEffect(() => {
    const follow = (): void => {
      isNew.current = true;
      setRoute(parseRoute(location.hash));
    };
    addEventListener('hashchange', follow);
    return () => {
      removeEventListener('hashchange', follow);
    };
  }, []);
  // A view that loads something first has its heading a little later.
  return useCallback(() => {
    if (!isNew.current) return;
    isNew.current = false;
    document.querySelector<HTMLElement>('h1')?.focus();
    scrollTo(0, 0);
  }, []);
}

/** Has the end of a run said, or else a new headline; nothing at the start. */
export function useNews(overview: WireOverview | undefined, say: (text: string) => void): void {
  const before = useRef(overview);
  useEffect(() => {
    const news = before.current && overview && findNews(before.current, overview);
    before.current = overview;
    if (news !== undefined) say(news);
  }, [overview]);
}
