import type { GitProcess } from './git-process.js';
import { quoteName } from './names.js';
import { requireExit, type Repository } from './repository.js';

/** A commit as git fast-import takes it. It holds these files and no others. */
interface ImportedCommit {
  readonly ref: string;
  /** A number of its own among the marks of this import. */
  readonly mark: number;
  /** The lines that name author and committer. */
  readonly people: readonly string[];
  readonly message: Buffer;
  /** A commit, or a mark as `:1`. Undefined or empty: none. */
  readonly parent: string | undefined;
  /** Each with a blob, or the mark of one. */
  readonly files: readonly { readonly name: string; readonly blob: string }[];
}

/**
 * Runs one git fast-import. `write` gives it its input up to `done`; if it throws, nothing is
 * written to a ref.
 *
 * @throws what `write` throws; HISTORY_FAILED, DISK_FULL, TIMED_OUT, CANCELLED
 */
export async function fastImport(
  repository: Repository,
  { options = [], doing }: { readonly options?: readonly string[]; readonly doing: string },
  write: (git: GitProcess) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const git = repository.start(
    ['fast-import', '--quiet', ...options, '--done', '--date-format=raw'],
    signal,
  );
  git.stdout.resume();
  try {
    await write(git);
    await git.write('done\n');
    git.stdin.end();
  } catch (error) {
    git.end('abort');
    await git.exited;
    throw error;
  }
  requireExit(doing, await git.exited);
}

export async function importCommit(git: GitProcess, commit: ImportedCommit): Promise<void> {
  const { ref, mark, people, message, parent = '', files } = commit;
  await git.write(
    `commit ${ref}\nmark :${String(mark)}\n${people.join('\n')}\ndata ${String(message.length)}\n`,
  );
  await git.write(message);
  await git.write(`\n${parent === '' ? '' : `from ${parent}\n`}deleteall\n`);
  for (const { name, blob } of files) await git.write(`M 100644 ${blob} ${quoteName(name)}\n`);
  await git.write('\n');
}
