import type { JSX } from 'preact';
import { formatBytes, showHidden } from '../format.js';
import { usePage } from '../page-context.js';
import { Ask } from '../parts/ask.js';
import { PathText, shorten } from '../parts/names.js';
import { texts } from '../texts.js';
import type { WireComparison, WireRecoverable } from '../wire.js';

/** Uses the version that was kept aside on every host, or lets it go. */
export function DecideConflictDialog({
  file,
  decision,
  done,
}: {
  file: WireRecoverable & { host: string };
  decision: 'use' | 'drop';
  done: () => void;
}): JSX.Element {
  const { api, live } = usePage();
  const { host, dir, keptAs, path } = file;
  const hosts = live.shown?.overview.hosts.length ?? 0;
  const name = shorten(showHidden(host));
  return (
    <Ask<WireComparison>
      title={decision === 'use' ? texts.useQuestion : texts.letGoQuestion}
      load={async (signal) =>
        (
          await api.get<{ conflict: WireComparison }>(
            'conflicts/compare',
            { host, dir, keptAs },
            signal,
          )
        ).conflict
      }
      describe={({ conflict, here, identical }) => (
        <>
          <p>
            <PathText path={path} />
          </p>
          <ul>
            {decision === 'use' ? (
              <>
                <li>{texts.useThen(name, formatBytes(conflict.size), hosts)}</li>
                <li>{here ? texts.currentToTrash(formatBytes(here.size)) : texts.noFileThere}</li>
              </>
            ) : (
              <>
                <li>{texts.letGoThen(name, formatBytes(conflict.size))}</li>
                <li>{texts.visitorsKeep}</li>
              </>
            )}
            {identical && <li>{texts.identical}</li>}
          </ul>
        </>
      )}
      confirm={() => (decision === 'use' ? texts.useIt : texts.letItGo)}
      run={async ({ conflict, here }) => {
        const current = here ? here.sha256 : null;
        await api.send('POST', `conflicts/${decision}`, {
          host,
          dir,
          keptAs,
          kept: conflict.sha256,
          current,
        });
        done();
        return decision === 'use' ? texts.used : texts.letGoDone;
      }}
    />
  );
}
