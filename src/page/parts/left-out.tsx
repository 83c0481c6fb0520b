import type { JSX } from 'preact';
import { formatFiles, formatNumber } from '../format.js';
import { texts } from '../texts.js';
import type { WireRun } from '../wire.js';
import { PathBox } from './facts.js';

/** The files that a restore of a sync dir leaves as they are, by reason. */
export function LeftOutFiles({ run: { leftOut = [] } }: { run: WireRun }): JSX.Element {
  return (
    <>
      {leftOut.map(({ why, count, paths }) => (
        <div key={why}>
          <p>
            {texts.leftOutBecause(formatFiles(count), why)}
            {count > paths.length &&
              ` ${texts.firstOf(formatNumber(paths.length), formatFiles(count))}`}
          </p>
          <PathBox
            label={texts.leftOutBecause(formatFiles(count), why)}
            paths={paths.map((path) => ({ path }))}
          />
        </div>
      ))}
    </>
  );
}
