import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { contentAddress } from '../api.js';
import { RestoreVersionDialog } from '../dialogs/restore-version.js';
import { formatBytes, formatDateTime, showHidden } from '../format.js';
import { useMayChange, usePage } from '../page-context.js';
import { ApiError } from '../read-answer.js';
import { texts } from '../texts.js';
import type { WireFile, WireVersion } from '../wire.js';
import { Since } from '../parts/ages.js';
import { Section } from '../parts/heading.js';
import { Load, useLoaded } from '../parts/loaded.js';
import { HostLink, Text } from '../parts/names.js';
import { SimpleTable, type Column } from '../parts/table.js';

/** A version is recorded a moment after it was captured. So often it is looked for again. */
const tries = 5,
  pauseMs = 1_500;

/** The earlier versions of a file, where the backend remembers any. */
export function Versions({ file }: { file: WireFile }): JSX.Element | null {
  const { api, ask } = usePage();
  const mayChange = useMayChange();
  const { path, version } = file;
  const loaded = useLoaded(
    async (signal) =>
      (await api.get<{ versions: WireVersion[] }>('history', { path }, signal)).versions,
    `${path} ${version ?? ''}`,
  );
  useLaterReload(
    loaded.reload,
    `${path} ${version ?? ''}`,
    loaded.value?.some((one) => one.version === version) === false,
  );
  if (loaded.error instanceof ApiError && loaded.error.code === 'NO_HISTORY') return null;
  const columns: Column<WireVersion>[] = [
    { head: texts.columns.when, isRowHead: true, cell: ({ at }) => <Since at={at} /> },
    { head: texts.columns.host, cell: ({ hostname }) => <HostLink name={hostname} /> },
    {
      head: texts.columns.size,
      look: 'num',
      cell: ({ as, info }) => (as === 'removed' ? texts.deleted : formatBytes(info?.size ?? 0)),
    },
    {
      head: texts.columns.document,
      look: 'more',
      cell: ({ savedBy }) => (savedBy ? <Text text={`${savedBy.model} ${savedBy.id}`} /> : '–'),
    },
    { head: texts.columns.who, look: 'more', cell: ({ author }) => <Text text={author} /> },
    {
      head: texts.columns.action,
      cell: (one) => {
        const when = formatDateTime(one.at);
        return (
          <>
            {(one.as === 'stored' || one.elsewhere) && (
              <a
                href={contentAddress(path, one.revision)}
                download
                aria-label={texts.saveVersion(when)}
              >
                {texts.saveFile}
              </a>
            )}{' '}
            {one.as !== 'removed' && (
              <button
                type="button"
                aria-label={mayChange ? texts.restoreVersion(when) : texts.lookAtVersion(when)}
                onClick={() => {
                  ask(<RestoreVersionDialog version={one} done={loaded.reload} />);
                }}
              >
                {mayChange ? texts.restore : texts.look} …
              </button>
            )}
          </>
        );
      },
    },
  ];
  return (
    <Load loaded={loaded}>
      {(versions) => (
        <Section title={texts.versions} more={texts.versionsKnown(versions.length)}>
          {versions.length === 0 ? (
            <p class="quiet">{texts.noVersions}</p>
          ) : (
            <SimpleTable
              label={texts.versionsOf(showHidden(path))}
              items={versions}
              keyOf={(one) => `${one.revision} ${one.version} ${one.as}`}
              columns={columns}
            />
          )}
        </Section>
      )}
    </Load>
  );
}

/** Reloads some times while `isDue`, counted anew for each key. */
function useLaterReload(reload: () => void, key: string, isDue: boolean): void {
  const counted = useRef({ key, left: tries });
  if (counted.current.key !== key) counted.current = { key, left: tries };
  useEffect(() => {
    if (!isDue || counted.current.left === 0) return;
    const timer = setInterval(() => {
      if (counted.current.left-- > 0) reload();
      else clearInterval(timer);
    }, pauseMs);
    return () => {
      clearInterval(timer);
    };
  }, [key, isDue]);
}
