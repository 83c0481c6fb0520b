import { relative } from 'node:path';
import type { Host } from '../../model/host.js';
import { summariseStderr } from '../git/answers.js';
import type { Ssh } from '../ssh/ssh.js';
import type { Annex } from './annex.js';
import { makeAnnexUuid } from './key.js';

/** The only annex that the gate opens to another host, by this name. */
const SHARED_ANNEX = '/syncmedia-annex';

/** The annex of this host, and its way to others. */
export interface AnnexEnds {
  readonly annex: Annex;
  readonly ssh: Ssh;
}

/** The name of another host's annex in the commands of git-annex. */
export function nameRemote({ id }: Host): string {
  return `host-${id}`;
}

/**
 * Makes the arguments of git by which git-annex reaches the host: by ssh with our configuration.
 * git-annex splits the options at spaces, so the paths are relative to its folder.
 */
export async function makeRemoteArguments(
  { annex, ssh }: AnnexEnds,
  host: Host,
): Promise<string[]> {
  const { alias, configFile, controlPath } = await ssh.target(host);
  const [config = '', control = ''] = [configFile, controlPath].map((path) =>
    relative(annex.place, path),
  );
  const remote = `remote.${nameRemote(host)}`;
  const settings = [
    `${remote}.url=ssh://${alias}${SHARED_ANNEX}`,
    `${remote}.annex-uuid=${makeAnnexUuid(host.id)}`,
    `${remote}.annex-ssh-options=-F ${config} -S ${control}`,
  ];
  return settings.flatMap((setting) => ['-c', setting]);
}

/** Reads a line of `--json`; undefined for one of `--json-progress`. */
export function parseAnswer(line: string): { success: boolean; why: string } | undefined {
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
  return { success, why: why.join('\n') };
}

/** Returns the lines that say why git-annex refused, each once, without its advice. */
export function summariseRefusal(text: string): string {
  const lines = text.split('\n').map((line) => line.trim());
  const advice =
    /enabled concurrency|multiple ssh processes|annex\.sshcaching|^(Transfer failed|get: |unable to)/;
  return summariseStderr([...new Set(lines)].filter((line) => !advice.test(line)).join('\n'));
}
