import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { usePage } from '../page-context.js';
import { texts } from '../texts.js';

/** The keys, and the switch that turns them off: they disturb people who dictate. */
export function KeysDialog({
  areOn,
  onSwitch,
}: {
  areOn: boolean;
  onSwitch: (on: boolean) => void;
}): JSX.Element {
  const { closeDialog } = usePage();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  const close = (): void => {
    dialog.current?.close();
  };
  return (
    <dialog ref={dialog} aria-labelledby="keys-title" onClose={closeDialog}>
      <h2 id="keys-title">{texts.keysTitle}</h2>
      {areOn ? (
        <dl class="keys">
          {texts.keys.map(([key, meaning]) => (
            <div key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{meaning}</dd>
            </div>
          ))}
        </dl>
      ) : (
        <p>{texts.keysAreOff}</p>
      )}
      <div class="acts">
        <button type="button" onClick={close}>
          {texts.close}
        </button>
        <button
          type="button"
          onClick={() => {
            onSwitch(!areOn);
            close();
          }}
        >
          {areOn ? texts.keysOff : texts.keysOn}
        </button>
      </div>
    </dialog>
  );
}
