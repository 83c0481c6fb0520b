import type { Need } from '../api/overview.js';
import { formatFiles } from '../decisions/explain-host.js';
import type { SetupProblem, UnsyncableNames } from '../model/host.js';
import { makeDoctorCommand, type DescribedHost } from './describe-hosts.js';

/** How many problems of one host are named. */
const maxNamed = 3;

/** Lists what applications declare and hosts cannot sync, and names that no other host can have. */
export function listSetupNeeds(described: readonly DescribedHost[]): Need[] {
  return described.flatMap(({ host: { setup = [], unsyncable = {} }, overview }) => [
    ...(setup.length > 0 ? [describeSetup(overview, setup)] : []),
    ...describeUnsyncable(overview.hostname, Object.values(unsyncable)),
  ]);
}

function describeSetup(overview: DescribedHost['overview'], setup: readonly SetupProblem[]): Need {
  const { hostname } = overview;
  const named = setup.slice(0, maxNamed);
  const more = setup.length > named.length ? `; ${String(setup.length - named.length)} more` : '';
  return {
    id: `setup ${hostname}`,
    kind: 'setup',
    host: hostname,
    title: `${hostname} does not sync all that its application declares`,
    cause: `${named.map(({ message }) => message).join('; ')}${more}.`,
    safe: 'All other files go on.',
    remedy: `${[...new Set(named.map(({ remedy }) => remedy))].join('; ')}.`,
    command: makeDoctorCommand(overview),
  };
}

function describeUnsyncable(hostname: string, found: readonly UnsyncableNames[]): Need[] {
  const count = found.reduce((sum, one) => sum + one.count, 0);
  const [example] = found.flatMap(({ examples }) => examples);
  if (count === 0 || !example) return [];
  return [
    {
      id: `unsyncable ${hostname}`,
      kind: 'setup',
      host: hostname,
      title: `${formatFiles(count)} of ${hostname} cannot be synced`,
      cause: `${count > 1 ? 'Such as ' : ''}${example.path}: ${example.why}.`,
      safe: `They stay on ${hostname} alone. All other files go on.`,
      remedy:
        'Rename them to valid UTF-8 of at most 255 bytes, or let syncmedia read their folder.',
      command: 'syncmedia status --details',
    },
  ];
}

/** The command that registers another machine. */
export function describeInit(root: string | undefined, syncDirs: readonly string[]): string {
  const dirs = syncDirs.length > 0 ? ` --sync-dirs ${quoteWord(syncDirs.join(','))}` : '';
  return `npx syncmedia init --root ${quoteWord(root ?? process.cwd())}${dirs} --generate`;
}

/** Quotes a word for a POSIX shell, where it needs that. */
function quoteWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
