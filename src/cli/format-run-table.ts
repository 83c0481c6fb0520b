import { describeRunResult } from '../api/describe-run-result.js';
import type { Host } from '../model/host.js';
import type { Run } from '../model/run.js';
import type { Colour, PaintCell } from './colours.js';
import type { Layout } from './layout.js';
import { formatCount } from './progress.js';

/** Formats runs as a table. On a terminal ids are short, and `BY` may be left out. */
export function formatRunTable(
  runs: readonly Run[],
  hosts: readonly Host[],
  layout: Layout,
): string {
  const names = new Map(hosts.map(({ id, hostname }) => [id, hostname]));
  const nameOf = (id: string): string => names.get(id) ?? id;
  return layout.addHint(
    layout.formatList(
      'runs',
      ['ID', 'KIND', 'ON', 'STATE', 'FILES', 'ASKED', 'BY', 'RESULT'],
      runs.map((run) => [
        layout.formatId(run.id),
        run.dryRun ? `${run.kind} (dry)` : run.kind,
        nameOf(run.at),
        run.state,
        formatFiles(run),
        layout.formatTime(run.requestedAt),
        run.requestedBy,
        describeRunResult(run, nameOf),
      ]),
      ['BY'],
      paintRun,
    ),
  );
}

function formatFiles({ files, filesFound }: Run): string {
  return files === filesFound
    ? formatCount(files)
    : `${formatCount(files)} of ${formatCount(filesFound)}`;
}

const colours: Readonly<Partial<Record<string, Colour>>> = {
  done: 'good',
  failed: 'bad',
  running: 'busy',
};
const paintRun: PaintCell = (heading, cell) => (heading === 'STATE' ? colours[cell] : undefined);
