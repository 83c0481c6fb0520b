import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { type TypedQuery, readFileQuery } from '../find-query.js';
import { formatFiles, showHidden } from '../format.js';
import { useKeepsHistory, usePage } from '../page-context.js';
import { FileList } from '../parts/file-list.js';
import { FilePlaces } from '../parts/file-places.js';
import { Heading, Section } from '../parts/heading.js';
import { Load, useLoaded } from '../parts/loaded.js';
import { shorten, Text } from '../parts/names.js';
import { viewAddress } from '../routes.js';
import { takeSearchRequest } from '../search-request.js';
import { texts } from '../texts.js';
import type { WireModel, WireFile } from '../wire.js';
import { Versions } from './versions.js';

const pageSize = 50;
/** Queries of the address that the router takes as they are. */
const asked = ['path', 'contains', 'document', 'url', 'pendingOn', 'blockedOn', 'missing'] as const;

interface FilePage {
  files: WireFile[];
  next?: string;
}

export function FilesView({ query }: { query: Readonly<Record<string, string>> }): JSX.Element {
  const field = useRef<HTMLInputElement>(null);
  const typed = query.q ?? query.path ?? query.contains ?? query.document ?? query.url ?? '';
  useEffect(() => {
    if (field.current) field.current.value = typed;
  }, [typed]);
  useEffect(() => {
    if (takeSearchRequest()) field.current?.select();
  }, []);
  const search = (): void => {
    const text = field.current?.value.trim() ?? '';
    location.hash = viewAddress('files', text === '' ? {} : { q: text });
  };
  return (
    <>
      <Heading title={texts.whereIsAFile}>{texts.whereIsAFileMore}</Heading>
      <form
        role="search"
        onSubmit={(event) => {
          event.preventDefault();
          search();
        }}
      >
        <label class="unseen" for="q">
          {texts.fileOrDocument}
        </label>
        <input
          id="q"
          type="search"
          ref={field}
          autocomplete="off"
          spellcheck={false}
          maxLength={4096}
        />
        <button type="submit" class="main">
          {texts.find}
        </button>
      </form>
      <Found query={query} />
    </>
  );
}

function Found({ query }: { query: Readonly<Record<string, string>> }): JSX.Element {
  const { api } = usePage();
  const given = asked.find((name) => query[name] !== undefined);
  const models = useLoaded(
    // Without the models a document is searched for as a part of a name.
    async (signal): Promise<WireModel[]> =>
      query.q === undefined
        ? []
        : api.get<{ models: WireModel[] }>('models', {}, signal).then(
            ({ models: found }) => found,
            () => [],
          ),
    'models',
  );
  if (given === undefined && query.q === undefined) return <Suggestions />;
  if (given !== undefined)
    return (
      <Listed
        query={{ [given]: query[given] ?? '' }}
        title={describeQuery(given, query[given] ?? '')}
      />
    );
  return (
    <Load loaded={models}>
      {(known) => {
        const read: TypedQuery | undefined = readFileQuery(query.q ?? '', {
          models: known.map(({ name }) => name),
          syncDirs: known.flatMap(({ syncDirs }) => syncDirs),
        });
        if (!read) return <Suggestions />;
        return (
          <Listed query={read} title={describeQuery(Object.keys(read)[0] ?? '', query.q ?? '')} />
        );
      }}
    </Load>
  );
}

function describeQuery(name: string, value: string): string {
  const shown = shorten(showHidden(value));
  if (name === 'pendingOn') return texts.pendingOn(shown);
  if (name === 'blockedOn') return texts.blockedOn(shown);
  return name === 'missing' ? texts.missingFiles : shown;
}

/** Why a search found no file that the ledger knows. */
function explainNone(
  query: Readonly<Partial<Record<string, string>>>,
  files: readonly WireFile[],
): string {
  if (query.pendingOn !== undefined) return texts.nothingPending;
  if (query.blockedOn !== undefined) return texts.nothingBlocked;
  if (query.missing !== undefined) return texts.nothingMissing;
  const unsynced = files.find((file) => file.unsynced)?.unsynced;
  return unsynced ? texts.notSynced(unsynced.message) : texts.noSuchFile;
}

function Listed({
  query,
  title,
}: {
  query: TypedQuery | Readonly<Record<string, string>>;
  title: string;
}): JSX.Element {
  const { api, live, watch } = usePage();
  const [after, setAfter] = useState<readonly string[]>([]);
  const wanted: Readonly<Partial<Record<string, string>>> = query;
  const { path, pendingOn, blockedOn } = wanted;
  const last = after.at(-1);
  const loaded = useLoaded(
    (signal) => api.get<FilePage>('files', { ...query, limit: pageSize, after: last }, signal),
    JSON.stringify([query, last]),
  );
  // Only a path that the router took: it would refuse every stream for a malformed one.
  const watched = loaded.value === undefined ? undefined : path;
  useEffect(() => {
    watch(watched);
    return () => {
      watch(undefined);
    };
  }, [watched]);
  const hostname = pendingOn ?? blockedOn;
  const hosts = live.shown?.overview.hosts ?? [];
  const host = hosts.find((one) => one.hostname === hostname);
  const keepsHistory = useKeepsHistory();
  return (
    <Load loaded={loaded}>
      {({ files: read, next }) => {
        // The connection follows the one watched file; anything else is as it was asked for.
        const files = (path !== undefined && live.files?.files) || read;
        const captured = files.filter(({ captured: isKnown, version }) => isKnown || version);
        const [only, second] = captured;
        return (
          <>
            <Section
              title={<bdi>{title}</bdi>}
              more={texts.filesFound(files.length, next !== undefined)}
            >
              {captured.length === 0 ? (
                <p>
                  <Text text={explainNone(wanted, files)} />
                </p>
              ) : host ? (
                <FileList files={captured} host={host} label={title} />
              ) : (
                <FilePlaces files={captured} label={title} />
              )}
            </Section>
            {only && !second && keepsHistory && <Versions file={only} />}
            <div class="acts">
              {after.length > 0 && (
                <button
                  type="button"
                  onClick={() => {
                    setAfter(after.slice(0, -1));
                  }}
                >
                  {texts.previous}
                </button>
              )}
              {next !== undefined && (
                <button
                  type="button"
                  onClick={() => {
                    setAfter([...after, next]);
                  }}
                >
                  {texts.next(pageSize)}
                </button>
              )}
            </div>
          </>
        );
      }}
    </Load>
  );
}

/** What can be looked at without a name. */
function Suggestions(): JSX.Element | null {
  const { live } = usePage();
  const overview = live.shown?.overview;
  const waiting = overview?.hosts.filter(({ pending }) => pending.count > 0) ?? [];
  const blocked = overview?.hosts.filter((host) => host.blocked > 0) ?? [];
  const missing = overview?.missing;
  if (waiting.length + blocked.length === 0 && !missing?.count) return null;
  return (
    <Section title={texts.notEverywhere}>
      <ul class="plain">
        {waiting.map(({ id, hostname, pending }) => (
          <li key={id}>
            <a href={viewAddress('files', { pendingOn: hostname })}>
              {formatFiles(pending)} {texts.forHost} <bdi>{shorten(showHidden(hostname))}</bdi>
            </a>
          </li>
        ))}
        {blocked.map((host) => (
          <li key={`blocked ${host.id}`}>
            <a href={viewAddress('files', { blockedOn: host.hostname })}>
              {texts.blockedFiles(host.blocked, shorten(showHidden(host.hostname)))}
            </a>
          </li>
        ))}
        {missing !== undefined && missing.count > 0 && (
          <li>
            <a href={viewAddress('files', { missing: 'true' })}>
              {texts.filesOnNoHost(formatFiles(missing))}
            </a>
          </li>
        )}
      </ul>
    </Section>
  );
}
