import { createContext, type ComponentChild } from 'preact';
import { useContext } from 'preact/hooks';
import type { Api } from './api.js';
import type { LiveState } from './live/live-state.js';
import type { PageSession } from './wire.js';

/** What every view and dialog may use. */
export interface Page {
  readonly api: Api;
  readonly session: PageSession;
  readonly live: LiveState;
  /** The database does not answer, or the answers are old: nothing should be changed now. */
  readonly isStale: boolean;
  /** Has screen readers say it; for the ends of the reader's own actions and of runs. */
  readonly say: (text: string) => void;
  readonly ask: (dialog: ComponentChild) => void;
  readonly closeDialog: () => void;
  /** The heading of a view calls it when it appears; that of a new view takes the focus. */
  readonly arrive: () => void;
  /** Has the stream report the files of a path too. */
  readonly watch: (path: string | undefined) => void;
}

export const PageContext = createContext<Page | undefined>(undefined);

export function usePage(): Page {
  const page = useContext(PageContext);
  if (!page) throw new Error('a view is rendered outside of the page');
  return page;
}

/** Whether the host that answers keeps earlier versions. */
export function useKeepsHistory(): boolean {
  const { hosts = [] } = usePage().live.shown?.overview ?? {};
  return hosts.some(({ thisHost, history }) => thisHost && history !== undefined);
}

/** Whether buttons that change something are shown. */
export function useMayChange(): boolean {
  return usePage().session.mayChange;
}
