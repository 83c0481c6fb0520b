import { relative } from 'node:path';
import { createInterface } from 'node:readline';
import type { Failure } from '../../model/failure.js';
import type { Host } from '../../model/host.js';
import { explainExit, summariseStderr } from '../git/answers.js';
import { formatAddress } from '../ssh/address.js';
import type { Ssh } from '../ssh/ssh.js';
import { toFailure } from '../to-failure.js';
import type { Annex } from './annex.js';
import { makeAnnexUuid, type AnnexKey } from './key.js';

/** The only annex that the gate opens to another host, by this name. */
const SHARED_ANNEX = '/syncmedia-annex';

/**
 * Copies contents to the annex of another host, by one git-annex that is asked for one after the
 * other. git-annex skips what the other host has, and goes on where a transfer was interrupted.
 */
export async function sendKeys(
  { annex, ssh }: { readonly annex: Annex; readonly ssh: Ssh },
  to: Host,
  keys: readonly AnnexKey[],
  signal: AbortSignal,
): Promise<Failure | undefined> {
  if (keys.length === 0) return undefined;
  try {
    await annex.requirePresence();
    const settings = await makeRemoteSettings({ annex, ssh }, to);
    const git = annex.repository.start(
      [
        ...settings.flatMap((setting) => ['-c', setting]),
        ...['annex', 'copy', '--batch-keys', '--json', '--json-progress', '--json-error-messages'],
        ...['--to', nameRemote(to)],
      ],
      signal,
    );
    git.stdin.end(keys.map((key) => `${key}\n`).join(''));
    const refused: string[] = [];
    let answered = 0;
    for await (const line of createInterface({ input: git.stdout })) {
      git.touch();
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

function nameRemote({ id }: Host): string {
  return `host-${id}`;
}

/**
 * How git-annex reaches the host: by ssh with our configuration. git-annex splits the options at
 * spaces, so the paths are relative to its folder.
 */
async function makeRemoteSettings(
  { annex, ssh }: { readonly annex: Annex; readonly ssh: Ssh },
  to: Host,
): Promise<string[]> {
  const { alias, configFile, controlPath } = await ssh.target(to);
  const [config = '', control = ''] = [configFile, controlPath].map((path) =>
    relative(annex.place, path),
  );
  const remote = `remote.${nameRemote(to)}`;
  return [
    `${remote}.url=ssh://${alias}${SHARED_ANNEX}`,
    `${remote}.annex-uuid=${makeAnnexUuid(to.id)}`,
    `${remote}.annex-ssh-options=-F ${config} -S ${control}`,
  ];
}

/** Reads a line of `--json`; undefined for one of `--json-progress`. */
function parseAnswer(line: string): { success: boolean; why: string } | undefined {
  let answer: Record<string, unknown> = {};
  try {
    answer = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const { success, 'error-messages': messages, note } = answer;
  if (typeof success !== 'boolean') return undefined;
  const texts: unknown[] = Array.isArray(messages) ? messages : [];
  const why = [...texts, note].filter((text) => typeof text === 'string' && text.trim() !== '');
  return { success, why: why.join(' ') };
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
