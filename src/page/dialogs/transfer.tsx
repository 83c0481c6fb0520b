import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { formatBytes, formatFiles } from '../format.js';
import { usePage } from '../page-context.js';
import { Ask } from '../parts/ask.js';
import { PathBox } from '../parts/facts.js';
import { Text } from '../parts/names.js';
import { describeListed, namesFiles, PlannedPaths } from '../parts/planned-paths.js';
import { RunProgress } from '../parts/run-list.js';
import { runAddress } from '../routes.js';
import { texts } from '../texts.js';
import type { WireRun } from '../wire.js';
import { followRun } from './follow-run.js';

export type TransferKind = 'push' | 'pull' | 'adopt';

interface TransferProps {
  readonly kind: TransferKind;
  /** The host that carries it out. */
  readonly at: string;
  readonly hosts?: readonly string[];
  readonly dirs?: readonly string[];
  /** A dry run that has ended just now; without it the dialog makes one. */
  readonly dryRun?: WireRun;
}

/** A push, pull or adoption. The dialog makes a dry run and shows it; only then it can start. */
export function TransferDialog({ kind, at, hosts, dirs, dryRun }: TransferProps): JSX.Element {
  const { api } = usePage();
  const [progress, setProgress] = useState<WireRun>();
  const request = { at, hosts: hosts ?? [], dirs: dirs ?? [] };
  const label = texts.runTitle(kind, at, true);
  return (
    <Ask<WireRun>
      title={texts.transferQuestion(kind, at)}
      load={async (signal) => {
        if (dryRun) return dryRun;
        const { run } = await api.send<{ run: WireRun }>(
          'POST',
          kind,
          { ...request, dryRun: true },
          signal,
        );
        return followRun(api, run, setProgress, signal);
      }}
      loading={() => (
        <div>
          <p>{texts.dryRunGoesOn}</p>
          {progress && <RunProgress run={progress} label={label} />}
        </div>
      )}
      describe={(run) => <DryRunResult run={run} kind={kind} />}
      confirm={(run) => (countOf(run) > 0 ? texts.startTransfer(kind) : undefined)}
      run={async () => {
        const { run } = await api.send<{ run: WireRun }>('POST', kind, {
          ...request,
          dryRun: false,
        });
        location.hash = runAddress(run.id);
        return texts.runAskedFor;
      }}
    />
  );
}

/** Of an adoption the findings count, of the others the files to transfer. */
function countOf(run: WireRun): number {
  if (run.kind !== 'adopt') return run.filesFound;
  return (run.findings ?? []).reduce(
    (sum, { extra, missing, different }) => sum + extra + missing + different,
    run.filesFound,
  );
}

function DryRunResult({ run, kind }: { run: WireRun; kind: TransferKind }): JSX.Element {
  const { live } = usePage();
  const names = new Map(live.shown?.overview.hosts.map(({ id, hostname }) => [id, hostname]));
  const nameOf = (id: string): string => names.get(id) ?? id;
  const listed = describeListed(run);
  const found = run.pathFindings ?? [];
  return (
    <>
      <ul>
        <li>
          {countOf(run) === 0
            ? texts.nothingToTransfer(kind)
            : texts.wouldTransfer(kind, formatFiles(countOf(run)), formatBytes(run.bytesFound))}
        </li>
        {countOf(run) > 0 && <li>{texts.transferThen(kind)}</li>}
        {run.failures.map(({ host, failure }) => (
          <li key={`${host} ${failure.code}`}>
            <bdi>{nameOf(host)}</bdi>: <Text text={failure.message} />
          </li>
        ))}
        {run.failure && (
          <li>
            <Text text={run.failure.message} />
          </li>
        )}
      </ul>
      {namesFiles(run) && <PlannedPaths run={run} nameOf={nameOf} />}
      {!namesFiles(run) && found.length > 0 && (
        <PathBox
          label={texts.pathsOfDryRun(false)}
          paths={found.map(({ path, finding }) => ({
            path,
            note: kind === 'adopt' ? texts.adoptFindings[finding] : texts.findings[finding],
          }))}
        />
      )}
      {namesFiles(run) && listed !== undefined && <p class="quiet">{listed}</p>}
    </>
  );
}
