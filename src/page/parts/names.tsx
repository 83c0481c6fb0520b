import type { ComponentChildren, JSX } from 'preact';
import { showHidden } from '../format.js';
import { fileAddress, hostAddress } from '../routes.js';
import { texts } from '../texts.js';

/** Longer texts begin folded: one hostile message must not push everything else away. */
const foldedLength = 300;

/**
 * Text from the database or another machine. It is isolated, so that its direction reorders
 * nothing around it, and characters that hide or reorder are shown by their number.
 */
export function Text({ text }: { text: string }): JSX.Element {
  const shown = showHidden(text);
  if (shown.length <= foldedLength) return <bdi>{markCode(shown)}</bdi>;
  return (
    <details class="long">
      <summary>
        <bdi>{shown.slice(0, 120)}…</bdi> <span class="quiet">{texts.characters(text.length)}</span>
      </summary>
      <bdi>{shown}</bdi>
    </details>
  );
}

/** The code of an error, which another host may have chosen as well. */
export function Code({ code }: { code: string }): JSX.Element {
  return (
    <code>
      <Text text={code} />
    </code>
  );
}

/** Sentences of the router have commands and names of files in backticks. */
function markCode(text: string): ComponentChildren {
  const parts = text.split('`');
  if (parts.length % 2 === 0) return text;
  return parts.map((part, at) => (at % 2 === 1 ? <code key={at}>{part}</code> : part));
}

/** A path, which may break after each slash. */
export function PathText({ path }: { path: string }): JSX.Element {
  const shown = showHidden(path);
  if (shown.length > foldedLength) return <Text text={path} />;
  return (
    <bdi class="mono">
      {shown.split(/(?<=\/)/).map((part, at) => (
        <span key={at}>
          {part}
          <wbr />
        </span>
      ))}
    </bdi>
  );
}

export function PathLink({ path }: { path: string }): JSX.Element {
  const isLong = path.length > foldedLength;
  return isLong ? (
    <>
      <PathText path={path} /> <a href={fileAddress(path)}>{texts.openFile}</a>
    </>
  ) : (
    <a href={fileAddress(path)}>
      <PathText path={path} />
    </a>
  );
}

export function HostLink({ name, text }: { name: string; text?: string }): JSX.Element {
  return (
    <a href={hostAddress(name)}>
      <bdi>{shorten(showHidden(text ?? name))}</bdi>
    </a>
  );
}

/** A name within a heading, a button or a cell of a table. */
export function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 60)}…${text.slice(-12)}` : text;
}
