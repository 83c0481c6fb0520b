import type { JSX } from 'preact';
import { texts } from '../texts.js';

/** The deliveries of the last hour as 20 bars, and as a sentence for readers of the screen. */
export function Spark({ counts }: { counts: readonly number[] }): JSX.Element {
  const most = Math.max(1, ...counts);
  const bars = counts.map((count, at) =>
    count > 0 ? `M${String(at * 5 + 2.5)} 17v${String(-Math.max(1, (16 * count) / most))}` : '',
  );
  return (
    <svg class="spark" viewBox="0 0 100 18" role="img" aria-label={texts.deliveriesOf(counts)}>
      <path class="base" d="M0 17.5H100" />
      <path d={bars.join('')} />
    </svg>
  );
}
