import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { usePage } from '../page-context.js';
import { ApiError } from '../read-answer.js';
import { texts } from '../texts.js';
import { Asking } from './loaded.js';
import { Text } from './names.js';
import { ErrorNotice, Notice } from './notice.js';

/** What somebody has to type before a grave action, and the label that says so. */
export interface TypedConfirmation {
  readonly label: string;
  readonly value: string;
}

interface AskProps<E> {
  readonly title: string;
  /** Counts the effect now. Called again where it changed before it was confirmed. */
  readonly load: (signal: AbortSignal) => Promise<E>;
  readonly loading?: () => ComponentChildren;
  /** What will happen, and fields where the action takes any. */
  readonly describe: (effect: E) => ComponentChildren;
  /** The word on the button; `undefined` where there is nothing to confirm. */
  readonly confirm: (effect: E) => string | undefined;
  readonly typed?: (effect: E) => readonly TypedConfirmation[];
  readonly isGrave?: boolean;
  /** Carries it out with the shown effect, and returns the sentence that reports it. */
  readonly run: (effect: E) => Promise<string>;
}

/**
 * A dialog that shows the effect of an action before it runs. "Leave it" comes first. Where the
 * effect is another one meanwhile, the router refuses and the dialog shows the new one.
 */
export function Ask<E>(props: AskProps<E>): JSX.Element {
  const { closeDialog, say, isStale } = usePage();
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  const [effect, setEffect] = useState<{ value: E }>();
  const [error, setError] = useState<unknown>();
  const [refusal, setRefusal] = useState<ApiError>();
  const [isRunning, setRunning] = useState(false);
  const [turn, setTurn] = useState(0);
  const [words, setWords] = useState<readonly string[]>([]);

  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  useEffect(() => {
    const abort = new AbortController();
    props.load(abort.signal).then(
      (value) => {
        if (abort.signal.aborted) return;
        setEffect({ value });
        setError(undefined);
      },
      (reason: unknown) => {
        if (!abort.signal.aborted) setError(reason);
      },
    );
    return () => {
      abort.abort();
    };
  }, [turn]);

  // The browser gives the focus back to the button that opened the dialog.
  const close = (): void => {
    dialog.current?.close();
  };
  const confirm = async (value: E): Promise<void> => {
    setRunning(true);
    setError(undefined);
    try {
      say(await props.run(value));
      close();
    } catch (reason) {
      if (reason instanceof ApiError && reason.status === 409) {
        setRefusal(reason);
        setEffect(undefined);
        setWords([]);
        setTurn((count) => count + 1);
      } else setError(reason);
      setRunning(false);
    }
  };

  const typed = (effect && props.typed?.(effect.value)) ?? [];
  const isTyped = typed.every(({ value }, at) => words[at]?.trim() === value);
  const yes = effect && props.confirm(effect.value);
  return (
    <dialog ref={dialog} aria-labelledby={titleId} onClose={closeDialog}>
      <form
        method="dialog"
        onSubmit={(event) => {
          event.preventDefault();
          if (effect && yes !== undefined && isTyped && !isRunning && !isStale)
            void confirm(effect.value);
        }}
      >
        <h2 id={titleId}>{props.title}</h2>
        {refusal && effect && (
          <Notice>
            <p>{texts.changedMeanwhile}</p>
            <p class="quiet">
              <Text text={refusal.message} />
            </p>
          </Notice>
        )}
        {effect
          ? props.describe(effect.value)
          : error === undefined && (props.loading?.() ?? <Asking text={texts.counting} />)}
        {error !== undefined && <ErrorNotice error={error} />}
        {typed.map(({ label, value }, at) => (
          <label key={value} class="field">
            <span>{label}</span>
            <input
              autocomplete="off"
              spellcheck={false}
              value={words[at] ?? ''}
              onInput={({ currentTarget }) => {
                setWords(Object.assign([...words], { [at]: currentTarget.value }));
              }}
            />
          </label>
        ))}
        <div class="acts">
          <button type="button" onClick={close}>
            {yes === undefined ? texts.close : texts.leaveIt}
          </button>
          {yes !== undefined && (
            <button
              type="submit"
              class={props.isGrave ? 'grave' : 'main'}
              disabled={!isTyped || isRunning || isStale}
            >
              {isRunning ? texts.working : yes}
            </button>
          )}
        </div>
      </form>
    </dialog>
  );
}
