import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { formatBytes, showHidden } from '../format.js';
import { useMayChange, usePage } from '../page-context.js';
import { Since } from '../parts/ages.js';
import { Ask } from '../parts/ask.js';
import { Heading, Section } from '../parts/heading.js';
import { Load, useLoaded } from '../parts/loaded.js';
import { PathText, shorten } from '../parts/names.js';
import { SimpleTable } from '../parts/table.js';
import { viewAddress } from '../routes.js';
import { RestoreLink } from './restore.js';
import { texts } from '../texts.js';
import type { WireRecoverable } from '../wire.js';

/** The replaced and removed files of one host, which it keeps for 30 days. */
export function TrashView({ host }: { host?: string }): JSX.Element {
  const { live } = usePage();
  const overview = live.shown?.overview;
  const name = host ?? overview?.thisHost?.hostname ?? overview?.hosts[0]?.hostname;
  return (
    <>
      <Heading title={texts.trash}>
        {texts.trashMore} <RestoreLink />
      </Heading>
      {overview && overview.hosts.length > 1 && (
        <label class="filter">
          {texts.trashOf}{' '}
          <select
            value={name}
            onChange={({ currentTarget }) => {
              location.hash = viewAddress('trash', { host: currentTarget.value });
            }}
          >
            {overview.hosts.map(({ id, hostname }) => (
              <option key={id} value={hostname}>
                {shorten(showHidden(hostname))}
              </option>
            ))}
          </select>
        </label>
      )}
      {name !== undefined && <HostTrash key={name} host={name} />}
    </>
  );
}

function HostTrash({ host }: { host: string }): JSX.Element {
  const { api, ask, isStale } = usePage();
  const mayChange = useMayChange();
  const [filter, setFilter] = useState('');
  const loaded = useLoaded(
    (signal) => api.get<{ files: WireRecoverable[] }>('trash', { host }, signal),
    host,
  );
  return (
    <Load loaded={loaded}>
      {({ files }) => {
        const shown = files.filter(({ path }) =>
          path.toLowerCase().includes(filter.trim().toLowerCase()),
        );
        return (
          <Section
            title={texts.trashOn(shorten(showHidden(host)))}
            more={texts.filesFound(files.length, false)}
          >
            {files.length > 12 && (
              <label class="filter">
                <span class="unseen">{texts.filterFiles}</span>
                <input
                  type="search"
                  placeholder={texts.filterFiles}
                  value={filter}
                  onInput={({ currentTarget }) => {
                    setFilter(currentTarget.value);
                  }}
                />
              </label>
            )}
            {files.length === 0 ? (
              <p class="quiet">{texts.trashIsEmpty}</p>
            ) : (
              <SimpleTable
                label={texts.trashOn(shorten(showHidden(host)))}
                items={shown}
                keyOf={({ keptAs }) => keptAs}
                columns={[
                  {
                    head: texts.columns.file,
                    isRowHead: true,
                    cell: ({ path }) => <PathText path={path} />,
                  },
                  { head: texts.columns.size, look: 'num', cell: ({ size }) => formatBytes(size) },
                  { head: texts.columns.removed, look: 'num', cell: ({ at }) => <Since at={at} /> },
                  ...(mayChange
                    ? [
                        {
                          head: texts.columns.action,
                          cell: (file: WireRecoverable) => (
                            <button
                              type="button"
                              disabled={isStale}
                              aria-label={texts.restoreNamed(shorten(showHidden(file.path)))}
                              onClick={() => {
                                ask(<RestoreDialog file={file} host={host} done={loaded.reload} />);
                              }}
                            >
                              {texts.restore} …
                            </button>
                          ),
                        },
                      ]
                    : []),
                ]}
              />
            )}
          </Section>
        );
      }}
    </Load>
  );
}

function RestoreDialog({
  file,
  host,
  done,
}: {
  file: WireRecoverable;
  host: string;
  done: () => void;
}): JSX.Element {
  const { api, live } = usePage();
  const { dir, keptAs, path, size } = file;
  return (
    <Ask<{ size?: number } | undefined>
      title={texts.restoreQuestion}
      load={async (signal) => {
        const { files } = await api.get<{
          files: { path: string; size?: number; kind?: string }[];
        }>('files', { path }, signal);
        return files.find((one) => one.path === path && one.kind === 'file');
      }}
      describe={(current) => (
        <>
          <p>
            <PathText path={path} />
          </p>
          <ul>
            <li>{texts.restoreThen(formatBytes(size), live.shown?.overview.hosts.length ?? 0)}</li>
            <li>
              {current
                ? texts.currentToTrash(current.size === undefined ? '' : formatBytes(current.size))
                : texts.nothingReplaced}
            </li>
          </ul>
        </>
      )}
      confirm={() => texts.restoreIt}
      run={async () => {
        await api.send('POST', 'trash/restore', { host, dir, keptAs });
        done();
        return texts.restored;
      }}
    />
  );
}
