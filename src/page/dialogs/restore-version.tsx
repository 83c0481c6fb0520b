import type { JSX } from 'preact';
import { contentAddress } from '../api.js';
import { formatBytes, formatDateTime } from '../format.js';
import { useMayChange, usePage } from '../page-context.js';
import { Ask } from '../parts/ask.js';
import { PathText } from '../parts/names.js';
import { isPicturePath, Picture } from '../parts/picture.js';
import { texts } from '../texts.js';
import type { WireRestore, WireVersion } from '../wire.js';

/** Shows an earlier version and what its restore would do, and restores it. */
export function RestoreVersionDialog({
  version,
  done,
}: {
  version: WireVersion;
  done: () => void;
}): JSX.Element {
  const { api } = usePage();
  const mayChange = useMayChange();
  const { path, revision, as, at, info, elsewhere } = version;
  const size = info?.size ?? 0;
  return (
    <Ask<WireRestore>
      title={mayChange ? texts.restoreVersionQuestion : texts.versionFrom(formatDateTime(at))}
      load={async (signal) =>
        (await api.get<{ restore: WireRestore }>('history/restore', { path, at: revision }, signal))
          .restore
      }
      describe={({ current, isCurrent, hosts, from }) => (
        <>
          <p>
            <PathText path={path} />
          </p>
          {(as === 'stored' || elsewhere) && isPicturePath(path, size) && (
            <Picture address={contentAddress(path, revision)} />
          )}
          <ul>
            {isCurrent ? (
              <li>{texts.isCurrentVersion}</li>
            ) : (
              <>
                <li>{texts.versionThen(formatDateTime(at), formatBytes(size), hosts.length)}</li>
                <li>
                  {current
                    ? texts.currentToTrash(formatBytes(current.size))
                    : texts.nothingReplaced}
                </li>
                {from === 'trash' && <li>{texts.fromTrash}</li>}
                {from === 'another host' && <li>{texts.fromAnotherHost}</li>}
              </>
            )}
          </ul>
        </>
      )}
      confirm={({ isCurrent }) => (isCurrent || !mayChange ? undefined : texts.restoreIt)}
      run={async ({ current }) => {
        await api.send('POST', 'history/restore', {
          path,
          at: revision,
          current: current?.sha256 ?? null,
        });
        done();
        return texts.restored;
      }}
    />
  );
}
