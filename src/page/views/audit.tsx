import type { JSX } from 'preact';
import { usePage } from '../page-context.js';
import { Since } from '../parts/ages.js';
import { Heading } from '../parts/heading.js';
import { Load, useLoaded } from '../parts/loaded.js';
import { Code, Text } from '../parts/names.js';
import { SimpleTable } from '../parts/table.js';
import { texts } from '../texts.js';
import type { WireAudit } from '../wire.js';

/** Who changed what, on which host, with the outcome. */
export function AuditView(): JSX.Element {
  const { api, live } = usePage();
  const names = new Map(live.shown?.overview.hosts.map(({ id, hostname }) => [id, hostname]));
  const loaded = useLoaded(
    (signal) => api.get<{ audit: WireAudit[] }>('audit', { limit: 200 }, signal),
    'audit',
  );
  return (
    <>
      <Heading title={texts.audit}>{texts.auditMore}</Heading>
      <Load loaded={loaded}>
        {({ audit }) =>
          audit.length === 0 ? (
            <p class="quiet">{texts.noChanges}</p>
          ) : (
            <SimpleTable
              label={texts.audit}
              items={audit}
              keyOf={({ id }) => id}
              columns={[
                { head: texts.columns.when, look: 'nowrap', cell: ({ at }) => <Since at={at} /> },
                {
                  head: texts.columns.what,
                  isRowHead: true,
                  cell: ({ what, args }) => (
                    <>
                      <Text text={what} />{' '}
                      <small class="mono">
                        <Text text={args} />
                      </small>
                    </>
                  ),
                },
                { head: texts.columns.who, cell: ({ by }) => <Text text={by} /> },
                {
                  head: texts.columns.host,
                  look: 'more',
                  cell: ({ host }) =>
                    host === undefined ? '–' : <Text text={names.get(host) ?? host} />,
                },
                {
                  head: texts.columns.outcome,
                  cell: ({ outcome }) => <Outcome outcome={outcome} />,
                },
              ]}
            />
          )
        }
      </Load>
    </>
  );
}

/** A word, or the code of an error. */
function Outcome({ outcome }: { outcome: string }): JSX.Element {
  const word = Object.hasOwn(texts.outcomes, outcome) ? texts.outcomes[outcome] : undefined;
  return word === undefined ? <Code code={outcome} /> : <>{word}</>;
}
