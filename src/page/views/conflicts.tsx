import type { JSX } from 'preact';
import { capitalise, formatBytes, showHidden } from '../format.js';
import { useMayChange, usePage } from '../page-context.js';
import { Since } from '../parts/ages.js';
import { Facts } from '../parts/facts.js';
import { Heading, Section } from '../parts/heading.js';
import { Load, useLoaded } from '../parts/loaded.js';
import { HostLink, PathText, shorten, Text } from '../parts/names.js';
import { ErrorNotice } from '../parts/notice.js';
import { isPicturePath, Picture } from '../parts/picture.js';
import { DecideConflictDialog } from '../dialogs/decide-conflict.js';
import { viewAddress } from '../routes.js';
import { texts } from '../texts.js';
import type { WireComparison, WireRecoverable } from '../wire.js';

/** Hosts are asked for their conflicts one by one, over SFTP: at most so many at a time. */
const maxAsked = 10;

/** The conflicts of every host that has any, or of one. */
export function ConflictsView({ host }: { host?: string }): JSX.Element {
  const { live } = usePage();
  const overview = live.shown?.overview;
  const counted = (overview?.hosts ?? []).filter(
    ({ conflicts, thisHost }) => (conflicts ?? 0) > 0 || thisHost,
  );
  const asked = host === undefined ? counted.map(({ hostname }) => hostname) : [host];
  const count = counted.reduce((sum, { conflicts = 0 }) => sum + conflicts, 0);
  return (
    <>
      <Heading
        title={count === 0 ? texts.noConflicts : texts.conflictsTitle(count)}
        icon={count === 0 ? 'ok' : 'cloned'}
      >
        {texts.conflictsMore}
      </Heading>
      {asked.slice(0, maxAsked).map((name) => (
        <HostConflicts key={name} host={name} isAlone={asked.length === 1} />
      ))}
      {asked.length > maxAsked && (
        <ul class="plain">
          {asked.slice(maxAsked).map((name) => (
            <li key={name}>
              <a href={viewAddress('conflicts', { host: name })}>
                {texts.conflictsOf(shorten(showHidden(name)))}
              </a>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function HostConflicts({ host, isAlone }: { host: string; isAlone: boolean }): JSX.Element {
  const { api, live } = usePage();
  const count = live.shown?.overview.hosts.find(({ hostname }) => hostname === host)?.conflicts;
  const loaded = useLoaded(
    (signal) => api.get<{ files: WireRecoverable[] }>('conflicts', { host }, signal),
    `${host} ${String(count)}`,
  );
  return (
    <Load loaded={loaded}>
      {({ files }) =>
        files.length === 0 ? (
          isAlone && <p class="quiet">{texts.noConflictsOn(shorten(showHidden(host)))}</p>
        ) : (
          <>
            {files.map((file) => (
              <Conflict
                key={file.keptAs}
                file={{ ...file, host: file.host ?? host }}
                done={loaded.reload}
              />
            ))}
          </>
        )
      }
    </Load>
  );
}

function Conflict({
  file,
  done,
}: {
  file: WireRecoverable & { host: string };
  done: () => void;
}): JSX.Element {
  const { api, ask, isStale } = usePage();
  const mayChange = useMayChange();
  const { host, dir, keptAs, path, at, why } = file;
  const compared = useLoaded(
    async (signal) =>
      (
        await api.get<{ conflict: WireComparison }>(
          'conflicts/compare',
          { host, dir, keptAs },
          signal,
        )
      ).conflict,
    `${host} ${dir} ${keptAs}`,
  );
  const { conflict: kept, here } = compared.value ?? {};
  const reason = why === undefined ? texts.keptAside : `${capitalise(why)}.`;
  const open = (decision: 'use' | 'drop') => (): void => {
    ask(<DecideConflictDialog file={file} decision={decision} done={done} />);
  };
  return (
    <Section title={<PathText path={path} />}>
      <p class="quiet flat">
        <Text text={reason} /> {texts.keptOn} <HostLink name={host} />, <Since at={at} />.
        {compared.value?.identical === true && ` ${texts.identical}`}
      </p>
      {compared.error !== undefined && (
        <ErrorNotice error={compared.error} retry={compared.reload} />
      )}
      <div class="pair">
        <Version
          title={texts.currentVersion}
          picture={pictureAddress(file, 'current')}
          size={here?.size ?? file.current?.size}
          mtime={here?.mtime ?? file.current?.capturedAt}
          sha256={here?.sha256 ?? file.current?.sha256}
          isMissing={compared.value !== undefined && !here}
        />
        <div>
          <VersionFacts
            title={texts.keptVersion(shorten(showHidden(host)))}
            picture={pictureAddress(file, 'kept')}
            size={kept?.size ?? file.size}
            mtime={kept?.mtime}
            sha256={kept?.sha256}
          />
          {mayChange && (
            <div class="acts">
              <button type="button" onClick={open('use')} disabled={isStale}>
                {texts.useThis} …
              </button>
              <button type="button" onClick={open('drop')} disabled={isStale}>
                {texts.letGo} …
              </button>
            </div>
          )}
        </div>
      </div>
    </Section>
  );
}

interface VersionProps {
  readonly title: string;
  readonly picture: string | undefined;
  readonly size: number | undefined;
  readonly mtime: string | undefined;
  readonly sha256: string | undefined;
  readonly isMissing?: boolean;
}

function Version(props: VersionProps): JSX.Element {
  return (
    <div>
      <VersionFacts {...props} />
    </div>
  );
}

function VersionFacts({
  title,
  picture,
  size,
  mtime,
  sha256,
  isMissing,
}: VersionProps): JSX.Element {
  return (
    <>
      <h3>{title}</h3>
      {isMissing ? (
        <p class="quiet">{texts.noFileThere}</p>
      ) : (
        <>
          {picture !== undefined && <Picture address={picture} />}
          <Facts
            facts={[
              { name: texts.facts.size, value: size === undefined ? '–' : formatBytes(size) },
              {
                name: texts.facts.changed,
                value: mtime === undefined ? '–' : <Since at={mtime} />,
              },
              {
                name: 'sha256',
                value:
                  sha256 === undefined ? '–' : <code title={sha256}>{sha256.slice(0, 12)}…</code>,
              },
            ]}
          />
        </>
      )}
    </>
  );
}

function pictureAddress(
  { host, dir, keptAs, path, size }: WireRecoverable & { host: string },
  side: 'kept' | 'current',
): string | undefined {
  if (!isPicturePath(path, size)) return undefined;
  return `conflicts/content?${new URLSearchParams({ host, dir, keptAs, side }).toString()}`;
}
