import type { RecordedVersion } from '../../model/history.js';
import type { HostId } from '../../model/host.js';
import type { Path } from '../../model/path.js';
import { logFormat, logOfChanges, parseLogLine, readCommits, toVersions } from './list.js';
import { listTreeFolders } from './names.js';
import { readLines } from './output.js';
import { requireExit, type Repository } from './repository.js';

/** Commits whose messages are read at once. */
const COMMITS_AT_ONCE = 500;

/**
 * Finds the version of each path that was current at a time, by one walk through the history.
 * Memory grows with the paths only, however many versions they have.
 */
export async function findVersionsAt(
  repository: Repository,
  paths: readonly Path[],
  time: Date,
  signal: AbortSignal,
): Promise<Map<Path, RecordedVersion>> {
  const found = new Map<Path, RecordedVersion>();
  if (paths.length === 0 || !(await repository.exists())) return found;
  const wanted = new Set(paths);
  let oldest = -Infinity;
  const read = async (candidates: ReadonlyMap<string, HostId>): Promise<void> => {
    for await (const one of readCommits(repository, [...candidates.keys()], signal))
      for (const version of toVersions(one, candidates.get(one.commit) ?? '')) {
        const before = found.get(version.path);
        if (!wanted.has(version.path) || version.at > time) continue;
        if (!before || before.at < version.at) found.set(version.path, version);
      }
    oldest = findOldest(wanted, found);
  };
  const git = repository.start([...logOfChanges, '--stdin', logFormat], signal);
  try {
    const folders = paths.flatMap((path) => listTreeFolders(path));
    git.stdin.end(['--', ...folders].map((line) => `${line}\n`).join(''));
    let candidates = new Map<string, HostId>();
    for await (const line of readLines(git)) {
      const logged = parseLogLine(line);
      if (!logged) continue;
      // A commit is dated by its versions, in whole seconds.
      const at = logged.authoredAt * 1000;
      if (at > time.getTime() || at + 1000 <= oldest) continue;
      candidates.set(logged.commit, logged.host);
      if (candidates.size < COMMITS_AT_ONCE) continue;
      await read(candidates);
      candidates = new Map();
    }
    await read(candidates);
  } finally {
    if (!git.stdout.readableEnded) git.end('abort');
    await git.exited;
  }
  requireExit('looking for the versions of a time', await git.exited);
  return found;
}

/** The oldest version that was found, once each path has one. An older one is not in the answer. */
function findOldest(wanted: ReadonlySet<Path>, found: ReadonlyMap<Path, RecordedVersion>): number {
  if (found.size < wanted.size) return -Infinity;
  return Math.min(...[...found.values()].map(({ at }) => at.getTime()));
}
