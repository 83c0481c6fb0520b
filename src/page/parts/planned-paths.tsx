import type { JSX } from 'preact';
import { formatBytes, formatFiles, formatNumber } from '../format.js';
import { texts } from '../texts.js';
import type { WireRun } from '../wire.js';
import { PathBox } from './facts.js';

/** Whether a dry run names files that it would transfer. */
export const namesFiles = ({ wouldTransfer = [] }: WireRun): boolean => wouldTransfer.length > 0;

/** How many of the files that a dry run would transfer it names, if not all of them. */
export function describeListed({ wouldTransfer = [], filesFound }: WireRun): string | undefined {
  return filesFound > wouldTransfer.length
    ? texts.firstOf(formatNumber(wouldTransfer.length), formatFiles(filesFound))
    : undefined;
}

/** The files that a dry run would transfer, with host, size and reason; of a restore its own. */
export function PlannedPaths({
  run,
  nameOf,
}: {
  run: WireRun;
  nameOf: (host: string) => string;
}): JSX.Element {
  const { restoresTo } = run;
  const listed: readonly { host: string; path: string; size?: number; why?: string }[] =
    run.wouldTransfer ?? [];
  const reasons = restoresTo === undefined ? texts.whyTransfer : texts.whyRestore;
  return (
    <PathBox
      label={texts.pathsOfDryRun(restoresTo !== undefined)}
      paths={listed.map(({ host, path, size, why }) => ({
        path,
        note: [
          restoresTo === undefined ? nameOf(host) : undefined,
          size === undefined ? undefined : formatBytes(size),
          reasons[why ?? ''],
        ]
          .filter((part) => part !== undefined)
          .join(', '),
      }))}
    />
  );
}
