import type { JSX } from 'preact';
import { formatBytes, formatFiles, formatNumber, formatSpan } from '../format.js';
import { usePage } from '../page-context.js';
import { Ask } from '../parts/ask.js';
import { PathBox } from '../parts/facts.js';
import { runAddress } from '../routes.js';
import { texts } from '../texts.js';
import type { WireRun } from '../wire.js';

interface VerifyProps {
  readonly at: string;
  readonly hosts?: readonly string[];
}

/** How much a verification reads, and how long the last one took. Repairing is a second step. */
export function VerifyDialog({ at, hosts }: VerifyProps): JSX.Element {
  const { api, live } = usePage();
  const entries = live.shown?.overview.entries ?? 0;
  return (
    <Ask<WireRun | undefined>
      title={texts.verifyQuestion(hosts?.[0] ?? at)}
      load={async (signal) => {
        const { runs } = await api.get<{ runs: WireRun[] }>(
          'runs',
          { host: at, limit: 50 },
          signal,
        );
        return runs.find(({ kind, state }) => kind === 'verify' && state === 'done');
      }}
      describe={(last) => (
        <ul>
          <li>{texts.verifyReads(formatFiles(entries))}</li>
          {last && (
            <li>
              {texts.lastVerify(
                formatFiles(last.filesFound),
                formatBytes(last.bytesFound),
                spanOf(last),
              )}
            </li>
          )}
          <li>{texts.verifyChangesNothing}</li>
        </ul>
      )}
      confirm={() => texts.startVerify}
      run={async () => {
        const { run } = await api.send<{ run: WireRun }>('POST', 'verify', {
          at,
          hosts: hosts ?? [],
        });
        location.hash = runAddress(run.id);
        return texts.runAskedFor;
      }}
    />
  );
}

function spanOf({ startedAt, endedAt }: WireRun): string {
  if (startedAt === undefined || endedAt === undefined) return '–';
  return formatSpan((Date.parse(endedAt) - Date.parse(startedAt)) / 1000);
}

/** The repair of what a verification found: only these findings, and only from matching bytes. */
export function RepairDialog({ run, at }: { run: WireRun; at: string }): JSX.Element {
  const { api, live } = usePage();
  const names = new Map(live.shown?.overview.hosts.map(({ id, hostname }) => [id, hostname]));
  const nameOf = (id: string): string => names.get(id) ?? id;
  const findings = run.findings ?? [];
  const faults = findings.reduce((sum, { missing, different }) => sum + missing + different, 0);
  return (
    <Ask<WireRun>
      title={texts.repairQuestion(formatFiles(faults))}
      load={() => Promise.resolve(run)}
      describe={() => (
        <>
          <ul>
            {findings
              .filter(({ missing, different }) => missing + different > 0)
              .map(({ host, missing, different }) => (
                <li key={host}>
                  {texts.repairOn(nameOf(host), formatNumber(missing), formatNumber(different))}
                </li>
              ))}
            <li>{texts.repairHow}</li>
          </ul>
          <PathBox
            label={texts.findingsLabel}
            paths={(run.pathFindings ?? [])
              .filter(({ finding }) => finding !== 'extra')
              .map(({ host, path, finding }) => ({
                path,
                note: `${nameOf(host)}, ${texts.findings[finding]}`,
              }))}
          />
        </>
      )}
      confirm={() => texts.startRepair}
      run={async () => {
        const { run: repair } = await api.send<{ run: WireRun }>('POST', 'verify', {
          at,
          hosts: run.hosts,
          dirs: run.dirs,
          repair: true,
        });
        location.hash = runAddress(repair.id);
        return texts.runAskedFor;
      }}
    />
  );
}
