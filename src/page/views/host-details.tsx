import type { JSX } from 'preact';
import { formatNumber, showHidden } from '../format.js';
import { Since } from '../parts/ages.js';
import { PathBox } from '../parts/facts.js';
import { Section } from '../parts/heading.js';
import { texts } from '../texts.js';
import type { WireHostDescription } from '../wire.js';

/** The first names on the disk of a host that no other host can have, each with the reason. */
export function Unsyncable({
  names,
  count,
}: {
  names: NonNullable<WireHostDescription['unsyncable']>;
  count: number;
}): JSX.Element | null {
  if (names.length === 0) return null;
  return (
    <Section
      title={texts.facts.unsyncable}
      more={count > names.length ? texts.oldestOf(names.length, formatNumber(count)) : undefined}
    >
      <PathBox
        label={texts.facts.unsyncable}
        paths={names.map(({ path, why }) => ({ path, note: why }))}
      />
    </Section>
  );
}

/** The result of the last run of a host's reload command, and its output. */
export function Reload({ reload }: { reload: WireHostDescription['reload'] }): JSX.Element | null {
  if (!reload) return null;
  const { at, exitCode, output } = reload;
  const lines = output.trimEnd().split(/\r?\n/);
  return (
    <Section title={texts.reloadTitle}>
      <p>
        <Since at={at} />. {texts.reloadEnd(exitCode)}{' '}
        {output.trim() === '' && <span class="quiet">{texts.noOutput}</span>}
      </p>
      {output.trim() !== '' && (
        <div class="paths" tabIndex={0} role="region" aria-label={texts.reloadOutput}>
          {lines.map((line, index) => (
            <div key={index}>
              <bdi class="mono">{showHidden(line)}</bdi>
            </div>
          ))}
        </div>
      )}
    </Section>
  );
}
