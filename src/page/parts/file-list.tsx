import type { JSX } from 'preact';
import { formatBytes, formatList, showHidden } from '../format.js';
import { texts } from '../texts.js';
import type { WireFile, WireHost } from '../wire.js';
import { Since } from './ages.js';
import { PathLink, Text } from './names.js';
import { SimpleTable } from './table.js';

/** The files that one host lacks: since when, why, and who has them. */
export function FileList({
  files,
  host,
  label,
}: {
  files: readonly WireFile[];
  host: Pick<WireHost, 'hostname' | 'id'>;
  label: string;
}): JSX.Element {
  const pendingOf = (file: WireFile): WireFile['pending'][number] | undefined =>
    file.pending.find(({ id }) => id === host.id);
  return (
    <SimpleTable
      label={label}
      items={files}
      keyOf={({ path }) => path}
      columns={[
        {
          head: texts.columns.file,
          isRowHead: true,
          cell: (file) => (
            <>
              <PathLink path={file.path} />
              {pendingOf(file)?.failure && (
                <small>
                  <Text text={pendingOf(file)?.failure?.message ?? ''} />
                </small>
              )}
            </>
          ),
        },
        {
          head: texts.columns.size,
          look: 'num',
          cell: ({ size }) => (size === undefined ? '–' : formatBytes(size)),
        },
        {
          head: texts.columns.waits,
          look: 'num',
          cell: (file) => {
            const since = pendingOf(file)?.since;
            return since === undefined ? '–' : <Since at={since} />;
          },
        },
        {
          head: texts.columns.whoHasIt,
          look: 'more',
          cell: ({ heldBy }) => listHolders(heldBy.map(({ hostname }) => hostname)),
        },
      ]}
    />
  );
}

/** At most four names, and how many more. */
export function listHolders(names: readonly string[]): string {
  if (names.length === 0) return texts.nobody;
  const shown = names.slice(0, 4).map(showHidden);
  return names.length > 4 ? texts.andOthers(shown.join(', '), names.length - 4) : formatList(shown);
}
