import type { HostContext } from '../context/host-context.js';
import type { SetupProblem } from '../model/host.js';
import type { Log } from '../model/log.js';
import { formatProblem } from '../context/problems.js';

/** How many problems the line of an incomplete start names. */
const maxNamed = 5;

/**
 * Logs the start of an application in one line. The line of an incomplete start is a warning, and
 * ends with the command that completes it.
 * @param leader the process that leads this host; undefined if there is none yet
 */
export function logStart(
  { registry, dirs }: Pick<HostContext, 'registry' | 'dirs'>,
  log: Log,
  leader: 'this process' | 'another process' | undefined,
  problems: readonly SetupProblem[],
): void {
  const hosts = registry
    .all()
    .filter(({ status }) => status !== 'retired')
    .map(({ hostname }) => hostname);
  const syncDirs = dirs.current().list.map(({ path }) => path);
  const line =
    `started on host ${registry.me().hostname}; sync dirs: ` +
    `${syncDirs.join(', ') || 'none'}; known hosts: ${hosts.join(', ')}; leader: ` +
    `${leader ?? 'none yet'}`;
  const [first, ...others] = [...listHostProblems({ registry, dirs }), ...problems];
  if (!first) log.info(line);
  else log.warn(`${line}; incomplete: ${describeProblems([first, ...others])}`);
}

/** Lists problems of this host as a whole. `KeyInstaller` reports a row without a valid seal. */
function listHostProblems({
  registry,
  dirs,
}: Pick<HostContext, 'registry' | 'dirs'>): SetupProblem[] {
  const { hostname, status, unsealed = false } = registry.me();
  const problems: SetupProblem[] = [];
  if (status === 'pending' && !unsealed)
    problems.push({
      about: 'approval',
      message: 'this host waits for approval: the others send it nothing and refuse its key',
      remedy:
        `compare its fingerprints and run \`syncmedia approve ${hostname}\`, on an ` +
        `approved host`,
    });
  if (dirs.current().list.length === 0)
    problems.push({
      about: 'sync dirs',
      message: 'no sync dir is known: nothing is sent or received',
      remedy: 'define the models before startSyncMedia(), or run `syncmedia init --sync-dirs …`',
    });
  return problems;
}

function describeProblems(problems: readonly [SetupProblem, ...SetupProblem[]]): string {
  const [{ remedy }] = problems;
  // One remedy may solve several problems, as `init` marks every sync dir.
  if (problems.length <= maxNamed && problems.every((problem) => problem.remedy === remedy))
    return formatProblem({
      about: '',
      message: problems.map(({ message }) => message).join('; '),
      remedy,
    });
  const names = [...new Set(problems.map(({ about }) => about))];
  const more = names.length > maxNamed ? ` and ${String(names.length - maxNamed)} more` : '';
  return (
    `${String(problems.length)} problems (${names.slice(0, maxNamed).join(', ')}${more}). ` +
    'Remedy: run `syncmedia doctor`, which explains each of them'
  );
}
