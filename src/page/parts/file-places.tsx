import type { JSX } from 'preact';
import { formatBytes, formatList, showHidden } from '../format.js';
import { useMayChange } from '../page-context.js';
import {
  countOtherHosts,
  findLackingHosts,
  findReasons,
  placeOf,
  type LackReason,
} from '../places.js';
import { texts } from '../texts.js';
import type { WireFile } from '../wire.js';
import { Since } from './ages.js';
import { Section } from './heading.js';
import { HostLink, PathLink, shorten, Text } from './names.js';
import { NeedItem } from './need-list.js';
import { remedyOf } from './notice.js';
import { RetryButton } from './retry-button.js';
import { PlaceWord } from './state-word.js';
import { SimpleTable, type Column } from './table.js';

/** So many hosts get a column of their own; the others are counted. */
const maxColumns = 6;

/** Who has each file, with columns only for hosts that lack something, and why they lack it. */
export function FilePlaces({
  files,
  label,
}: {
  files: readonly WireFile[];
  label: string;
}): JSX.Element {
  const lacking = findLackingHosts(files);
  const others = countOtherHosts(files);
  const more = lacking.length - maxColumns;
  const columns: Column<WireFile>[] = [
    { head: texts.columns.file, isRowHead: true, cell: (file) => <FileFacts file={file} /> },
    ...lacking.slice(0, maxColumns).map((name): Column<WireFile> => ({
      head: shorten(showHidden(name)),
      cell: (file) => <PlaceWord place={placeOf(file, name)} />,
    })),
    ...(more > 0
      ? [
          {
            head: texts.moreLack(more),
            cell: (file: WireFile) => texts.lackedBy(file.pending.length),
          },
        ]
      : []),
    {
      head: lacking.length === 0 ? texts.hosts : texts.otherHosts(others),
      cell: (file) =>
        others === 0 && file.heldBy.length === 0 ? (
          texts.nobody
        ) : others === 0 ? (
          '–'
        ) : lacking.length === 0 ? (
          <>
            <PlaceWord place="holds" />{' '}
            <small>
              <bdi>
                {formatList(file.heldBy.slice(0, 5).map(({ hostname }) => showHidden(hostname)))}
              </bdi>
              {file.heldBy.length > 5 && ` ${texts.andMore(file.heldBy.length - 5)}`}
            </small>
          </>
        ) : (
          <PlaceWord place="holds" />
        ),
    },
  ];
  const reasons = findReasons(files);
  return (
    <>
      <SimpleTable
        label={label}
        columns={columns}
        items={files}
        keyOf={({ path }) => path}
        look="places"
      />
      {reasons.length > 0 && (
        <Section title={texts.whyNot}>
          <ul class="needs">
            {reasons.map((reason) => (
              <Reason
                key={JSON.stringify([reason.host, reason.code])}
                reason={reason}
                files={files.length}
              />
            ))}
          </ul>
        </Section>
      )}
    </>
  );
}

function FileFacts({ file }: { file: WireFile }): JSX.Element {
  const { size, sha256, capturedAt, origin, kind, savedBy } = file;
  return (
    <>
      <PathLink path={file.path} />
      <small>
        {kind === 'tombstone' ? texts.deleted : size !== undefined && formatBytes(size)}
        {origin && (
          <>
            , {texts.savedOn} <bdi>{showHidden(origin.hostname)}</bdi>
          </>
        )}
        {capturedAt !== undefined && (
          <>
            {' '}
            <Since at={capturedAt} />
          </>
        )}
        {savedBy && (
          <>
            , {texts.by} <bdi>{showHidden(`${savedBy.model} ${savedBy.id}`)}</bdi>
          </>
        )}
        {sha256 !== undefined && (
          <>
            , sha256 <code title={sha256}>{sha256.slice(0, 8)}…</code>
          </>
        )}
      </small>
      {file.unsynced && (
        <small>
          <Text text={file.unsynced.message} />
        </small>
      )}
      {file.pendingCaptures && file.pendingCaptures.length > 0 && (
        <small>
          {texts.captured(file.pendingCaptures.map(({ hostname }) => showHidden(hostname)))}
        </small>
      )}
    </>
  );
}

function Reason({ reason, files }: { reason: LackReason; files: number }): JSX.Element {
  const mayChange = useMayChange();
  const { host, code, message, remedy, isBlocked, retryAt, paths, since } = reason;
  const which =
    files === 1
      ? ''
      : paths.length > 3
        ? texts.ofThem(paths.length)
        : paths.map(baseName).join(', ');
  return (
    <NeedItem
      icon={isBlocked ? 'blocked' : code === undefined ? 'owed' : 'down'}
      title={
        <>
          <HostLink name={host} /> {isBlocked ? texts.isBlocked : texts.waitsFor}{' '}
          {which === '' ? texts.thisFile : <Text text={which} />}{' '}
          <span class="quiet">
            (<Since at={since} />)
          </span>
        </>
      }
      cause={message ?? texts.onItsWay}
      safe={
        retryAt === undefined
          ? code === undefined
            ? undefined
            : texts.triedAgain
          : texts.triedAgainAt(retryAt)
      }
      remedy={remedy ?? remedyOf(code)}
      actions={
        mayChange &&
        isBlocked && (
          <RetryButton
            host={host}
            {...(paths[0] !== undefined && paths.length === 1 && { path: paths[0] })}
          />
        )
      }
    />
  );
}

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
