import type { ComponentChildren, JSX } from 'preact';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { texts } from '../texts.js';
import { ErrorNotice } from './notice.js';

export interface Loaded<T> {
  readonly value?: T;
  readonly error?: unknown;
  readonly reload: () => void;
}

/**
 * Loads something when the view opens and whenever `key` changes. The old value stays until the
 * new answer is there; an answer that comes too late is dropped.
 */
export function useLoaded<T>(load: (signal: AbortSignal) => Promise<T>, key: string): Loaded<T> {
  const [state, setState] = useState<{ value?: T; error?: unknown }>({});
  const [turn, setTurn] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  useEffect(() => {
    const abort = new AbortController();
    latest.current(abort.signal).then(
      (value) => {
        if (!abort.signal.aborted) setState({ value });
      },
      (error: unknown) => {
        if (!abort.signal.aborted) setState((before) => ({ ...before, error }));
      },
    );
    return () => {
      abort.abort();
    };
  }, [key, turn]);
  const reload = useCallback(() => {
    setTurn((count) => count + 1);
  }, []);
  return { ...state, reload };
}

/** Shows the loaded value, or why there is none. */
export function Load<T>({
  loaded,
  children,
}: {
  loaded: Loaded<T>;
  children: (value: T) => ComponentChildren;
}): JSX.Element {
  return (
    <>
      {loaded.error !== undefined && <ErrorNotice error={loaded.error} retry={loaded.reload} />}
      {loaded.value !== undefined
        ? children(loaded.value)
        : loaded.error === undefined && <Asking />}
    </>
  );
}

/** Appears after 300 ms: most answers are faster, and a flash of text would only distract. */
export function Asking({ text = texts.asking }: { text?: string }): JSX.Element | null {
  const [isSlow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => {
      setSlow(true);
    }, 300);
    return () => {
      clearTimeout(timer);
    };
  }, []);
  return isSlow ? (
    <p class="quiet" role="status">
      {text}
    </p>
  ) : null;
}
