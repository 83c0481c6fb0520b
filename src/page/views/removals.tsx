import type { JSX } from 'preact';
import { formatFiles, formatShare, showHidden } from '../format.js';
import { useMayChange, usePage } from '../page-context.js';
import { Since } from '../parts/ages.js';
import { Heading, Section } from '../parts/heading.js';
import { Load, useLoaded } from '../parts/loaded.js';
import { HostLink, shorten, Text } from '../parts/names.js';
import { PathBox } from '../parts/facts.js';
import { KeepFilesDialog, RemoveFilesDialog } from '../dialogs/removals.js';
import { texts } from '../texts.js';
import type { WireRemovals } from '../wire.js';

export function RemovalsView(): JSX.Element {
  const { api, live } = usePage();
  const halted = (live.shown?.overview.needs ?? [])
    .filter(({ kind }) => kind === 'removals')
    .map(({ id }) => id);
  const loaded = useLoaded(
    (signal) => api.get<{ removals: WireRemovals[] }>('removals', {}, signal),
    halted.join(),
  );
  return (
    <Load loaded={loaded}>
      {({ removals }) => (
        <>
          <Heading
            title={removals.length === 0 ? texts.noRemovals : texts.removalsTitle}
            icon={removals.length === 0 ? 'ok' : 'halted'}
          >
            {texts.removalsMore}
          </Heading>
          {removals.map((one) => (
            <Removals
              key={JSON.stringify([one.host, one.dir])}
              removals={one}
              done={loaded.reload}
            />
          ))}
        </>
      )}
    </Load>
  );
}

function Removals({ removals, done }: { removals: WireRemovals; done: () => void }): JSX.Element {
  const { ask, isStale } = usePage();
  const mayChange = useMayChange();
  const { host, dir, failure, count, share, since, paths = [] } = removals;
  return (
    <Section
      title={
        <>
          <code>{shorten(showHidden(dir))}</code> {texts.on} <HostLink name={host} />
        </>
      }
      more={since !== undefined && <Since at={since} />}
    >
      <p>
        {count === undefined ? (
          <Text text={failure.message} />
        ) : (
          texts.removalsFound(
            formatFiles(count),
            share === undefined ? undefined : formatShare(share),
          )
        )}
      </p>
      {paths.length > 0 && (
        <PathBox
          label={texts.removalPaths(shorten(showHidden(dir)), shorten(showHidden(host)))}
          paths={paths.map((path) => ({ path }))}
        />
      )}
      {mayChange && (
        <div class="acts">
          <button
            type="button"
            disabled={isStale}
            onClick={() => {
              ask(<KeepFilesDialog removals={removals} done={done} />);
            }}
          >
            {texts.keepFiles} …
          </button>
          <button
            type="button"
            class="grave"
            disabled={isStale}
            onClick={() => {
              ask(<RemoveFilesDialog removals={removals} done={done} />);
            }}
          >
            {texts.removeEverywhere} …
          </button>
        </div>
      )}
    </Section>
  );
}
