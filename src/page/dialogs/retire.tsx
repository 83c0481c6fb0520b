import type { JSX } from 'preact';
import { addressOf } from '../api.js';
import { formatCount, formatFiles, showHidden } from '../format.js';
import { usePage } from '../page-context.js';
import { Ask, type TypedConfirmation } from '../parts/ask.js';
import { PathBox } from '../parts/facts.js';
import { shorten } from '../parts/names.js';
import { texts } from '../texts.js';
import type { WireChangePreview, WireHost } from '../wire.js';

/** Retiring forgets what waits for a host, and may lose files that are on no other. */
export function RetireDialog({ host }: { host: WireHost }): JSX.Element {
  const { api } = usePage();
  const name = shorten(showHidden(host.hostname));
  return (
    <Ask<WireChangePreview>
      isGrave
      title={texts.retireQuestion(name)}
      load={(signal) => api.get(addressOf('hosts', host.id, 'change'), { to: 'retired' }, signal)}
      describe={({ pending, onlyHere, captures }) => (
        <>
          <ul>
            <li>{texts.retireKey}</li>
            <li>
              {pending.count === 0
                ? texts.nothingWaitsNow(name)
                : texts.retireForgets(formatFiles(pending), pending.count)}
            </li>
            {captures !== undefined && captures.count > 0 && (
              <li>{texts.retireCaptures(formatCount(captures), captures.count)}</li>
            )}
            <li>
              {onlyHere.count === 0 ? (
                texts.retireLosesNothing
              ) : (
                <strong>{texts.retireLoses(formatFiles(onlyHere), onlyHere.count)}</strong>
              )}
            </li>
          </ul>
          {onlyHere.paths.length > 0 && (
            <PathBox
              label={texts.onlyHere(name)}
              paths={onlyHere.paths.map((path) => ({ path }))}
            />
          )}
        </>
      )}
      typed={({ onlyHere }) => typedFor(host.hostname, onlyHere)}
      confirm={() => texts.retireIt(name)}
      run={async ({ digest, onlyHere }) => {
        await api.send('DELETE', addressOf('hosts', host.id), { digest, onlyHere: onlyHere.count });
        location.hash = '#/';
        return texts.retired(name);
      }}
    />
  );
}

function typedFor(hostname: string, onlyHere: WireChangePreview['onlyHere']): TypedConfirmation[] {
  const typed = [{ label: texts.typeToConfirm(showHidden(hostname)), value: hostname }];
  if (onlyHere.count === 0) return typed;
  return [
    ...typed,
    { label: texts.typeLost(formatCount(onlyHere)), value: String(onlyHere.count) },
  ];
}
