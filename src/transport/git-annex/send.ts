import type { Failure } from '../../model/failure.js';
import type { Host } from '../../model/host.js';
import { explainExit, summariseStderr } from '../git/answers.js';
import { readLines } from '../git/output.js';
import { formatAddress } from '../ssh/address.js';
import { toFailure } from '../to-failure.js';
import type { AnnexKey } from './key.js';
import { makeRemoteArguments, nameRemote, parseAnswer, type AnnexEnds } from './remote.js';

/**
 * Copies contents to the annex of another host, by one git-annex that is asked for one after the
 * other. git-annex skips what the other host has, and goes on where a transfer was interrupted.
 */
export async function sendKeys(
  ends: AnnexEnds,
  to: Host,
  keys: readonly AnnexKey[],
  signal: AbortSignal,
): Promise<Failure | undefined> {
  if (keys.length === 0) return undefined;
  try {
    await ends.annex.requirePresence();
    const git = ends.annex.repository.start(
      [
        ...(await makeRemoteArguments(ends, to)),
        ...['annex', 'copy', '--batch-keys', '--json', '--json-progress', '--json-error-messages'],
        ...['--to', nameRemote(to)],
      ],
      signal,
    );
    git.stdin.end(keys.map((key) => `${key}\n`).join(''));
    const refused: string[] = [];
    let answered = 0;
    for await (const line of readLines(git)) {
      const answer = parseAnswer(line);
      if (answer === undefined) continue;
      answered++;
      if (!answer.success) refused.push(answer.why);
    }
    const exit = await git.exited;
    if (exit.endedBy !== undefined)
      return toFailure(explainExit(`sharing large files with ${formatAddress(to)}`, exit), 'host');
    // git-annex says nothing of a content that is there already.
    if (exit.code === 0 && refused.length === 0) return undefined;
    return explainRefused(to, refused[0] ?? '', exit.stderr, answered);
  } catch (error) {
    return toFailure(error, 'host');
  }
}

function explainRefused(to: Host, refused: string, stderr: string, answered: number): Failure {
  const text = `${refused}\n${stderr}`.trim();
  const why = text === '' ? `it refused one of ${String(answered)} files` : summariseStderr(text);
  const isMissing = /no annex|git-annex is missing|syncmedia-gate/.test(text);
  return {
    code: 'HISTORY_FAILED',
    message:
      `Large files of the history were not shared with ${formatAddress(to)}: ${why}` +
      (isMissing ? '. Run that host with the backend git-annex, and its keys confined.' : ''),
    retryable: true,
    scope: 'host',
  };
}
