import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { showHidden } from '../format.js';
import { usePage } from '../page-context.js';
import { texts } from '../texts.js';

/** A command to be run on a machine, with a button that copies it. */
export function Command({ command }: { command: string }): JSX.Element {
  const { say } = usePage();
  const [isCopied, setCopied] = useState(false);
  const copy = (): void => {
    navigator.clipboard.writeText(command).then(
      () => {
        setCopied(true);
        say(texts.copied);
      },
      () => {
        say(texts.notCopied);
      },
    );
  };
  return (
    <div class="command">
      <code>{showHidden(command)}</code>
      {/* Browsers have a clipboard on https and localhost only. */}
      {'clipboard' in navigator && (
        <button type="button" onClick={copy}>
          {isCopied ? texts.copied : texts.copy}
        </button>
      )}
    </div>
  );
}
