import type { JSX } from 'preact';
import type { Api } from '../api.js';
import { formatFiles, formatShare, showHidden } from '../format.js';
import { usePage } from '../page-context.js';
import { Ask } from '../parts/ask.js';
import { PathBox } from '../parts/facts.js';
import { shorten } from '../parts/names.js';
import { texts } from '../texts.js';
import type { WireRemovals } from '../wire.js';

interface RemovalsProps {
  readonly removals: WireRemovals;
  readonly done: () => void;
}

/** Reads the waiting removals of the same sync dir again, as they are now. */
async function readAgain(
  api: Api,
  { host, dir }: WireRemovals,
  signal: AbortSignal,
): Promise<WireRemovals> {
  const { removals } = await api.get<{ removals: WireRemovals[] }>('removals', {}, signal);
  const found = removals.find((one) => one.host === host && one.dir === dir);
  if (!found) throw new Error(texts.removalsGone);
  return found;
}

const shownOf = ({ host, dir, count }: WireRemovals): object => ({
  host,
  dir,
  ...(count !== undefined && { count }),
});

export function RemoveFilesDialog({ removals, done }: RemovalsProps): JSX.Element {
  const { api, live } = usePage();
  const hosts = live.shown?.overview.hosts.length ?? 0;
  const dir = shorten(showHidden(removals.dir));
  return (
    <Ask<WireRemovals>
      isGrave
      title={texts.removeQuestion(
        removals.count === undefined ? undefined : formatFiles(removals.count),
        dir,
      )}
      load={(signal) => readAgain(api, removals, signal)}
      describe={({ count, share, paths = [] }) => (
        <>
          <ul>
            {count !== undefined && (
              <li>
                {texts.removalsFound(
                  formatFiles(count),
                  share === undefined ? undefined : formatShare(share),
                )}
              </li>
            )}
            <li>{texts.removeThen(hosts)}</li>
            <li>{texts.leaveWaiting}</li>
          </ul>
          <PathBox
            label={texts.removalPaths(dir, shorten(showHidden(removals.host)))}
            paths={paths.map((path) => ({ path }))}
          />
        </>
      )}
      typed={({ count }) => {
        const value = count === undefined ? removals.dir : String(count);
        return [{ label: texts.typeToConfirm(showHidden(value)), value }];
      }}
      confirm={({ count }) => texts.removeIt(count === undefined ? undefined : formatFiles(count))}
      run={async (shown) => {
        await api.send('POST', 'removals/approve', shownOf(shown));
        done();
        return texts.removed(dir);
      }}
    />
  );
}

export function KeepFilesDialog({ removals, done }: RemovalsProps): JSX.Element {
  const { api } = usePage();
  const dir = shorten(showHidden(removals.dir));
  return (
    <Ask<WireRemovals>
      title={texts.keepQuestion(dir)}
      load={(signal) => readAgain(api, removals, signal)}
      describe={({ host }) => (
        <ul>
          <li>{texts.keepThen}</li>
          <li>{texts.keepReturns(shorten(showHidden(host)))}</li>
        </ul>
      )}
      confirm={() => texts.keepIt}
      run={async (shown) => {
        await api.send('POST', 'removals/reject', shownOf(shown));
        done();
        return texts.kept(dir);
      }}
    />
  );
}
