import { getErrorMessage, SyncMediaError } from '../../model/errors.js';
import type { RecordedVersion } from '../../model/history.js';
import type { Host, HostId } from '../../model/host.js';
import { quotePath } from '../../replica/paths.js';
import { explainExit } from '../git/answers.js';
import { readLines } from '../git/output.js';
import { requireExit } from '../git/repository.js';
import { getKeySize, makeAnnexUuid, type AnnexKey } from './key.js';
import {
  makeRemoteArguments,
  nameRemote,
  parseAnswer,
  summariseRefusal,
  type AnnexEnds,
} from './remote.js';

/** A host counts as silent once it took longer than this to answer. */
const SLOW_MS = 10_000;
/**
 * A silent host is left alone for so many times the wait for it. Otherwise a restore of many files
 * would wait each time.
 */
const SILENCE_FACTOR = 5;
/** A host may take so long for a content, and as long as this rate takes. */
const GET_MS = 60_000,
  GET_BYTES_PER_SECOND = 64 * 1024;

/** The answer of a host that was asked for a content. `silent`: it could not be asked. */
export type FetchAnswer =
  | { readonly kind: 'fetched' | 'absent' }
  | { readonly kind: 'silent' | 'failed'; readonly why: string };

/** A host that was asked in vain. */
export interface AskedHost {
  readonly host: Host;
  readonly answer: FetchAnswer;
}

/** Fetches contents from the annexes of other hosts, which are asked one after the other. */
export class HostFetcher {
  private readonly silent = new Map<
    HostId,
    { readonly until: number; readonly answer: FetchAnswer }
  >();

  constructor(private readonly ends: AnnexEnds) {}

  /**
   * Fetches a content from the first of these hosts that has it. git-annex places it only if its
   * sha256 is that of the key.
   *
   * @returns the hosts that were asked in vain; undefined once the content is here
   */
  async fetch(
    key: AnnexKey,
    hosts: readonly Host[],
    signal: AbortSignal,
  ): Promise<readonly AskedHost[] | undefined> {
    const asked: AskedHost[] = [];
    for (const host of hosts) {
      signal.throwIfAborted();
      const answer = this.findSilence(host) ?? (await this.tryHost(key, host, signal));
      if (answer.kind === 'fetched') return undefined;
      asked.push({ host, answer });
    }
    return asked;
  }

  private async tryHost(key: AnnexKey, host: Host, signal: AbortSignal): Promise<FetchAnswer> {
    const began = performance.now();
    try {
      if (!(await this.hasContent(key, host, signal))) return { kind: 'absent' };
    } catch (error) {
      signal.throwIfAborted();
      const answer = { kind: 'silent', why: getErrorMessage(error) } as const;
      const now = performance.now(),
        took = now - began;
      if (took > SLOW_MS) this.silent.set(host.id, { until: now + SILENCE_FACTOR * took, answer });
      return answer;
    }
    try {
      await this.get(key, host, signal);
      return { kind: 'fetched' };
    } catch (error) {
      signal.throwIfAborted();
      return { kind: 'failed', why: getErrorMessage(error) };
    }
  }

  private findSilence({ id }: Host): FetchAnswer | undefined {
    const silence = this.silent.get(id);
    if (silence && performance.now() < silence.until) return silence.answer;
    this.silent.delete(id);
    return undefined;
  }

  private async hasContent(key: AnnexKey, host: Host, signal: AbortSignal): Promise<boolean> {
    const { annex } = this.ends;
    const doing = `asking ${host.hostname} for a large file`;
    await annex.requirePresence();
    const git = annex.repository.start(
      [
        ...(await makeRemoteArguments(this.ends, host)),
        ...['annex', 'checkpresentkey', key, nameRemote(host)],
      ],
      signal,
    );
    git.stdin.end();
    git.stdout.resume();
    const exit = await git.exited;
    if (exit.endedBy !== undefined) throw explainExit(doing, exit);
    if (exit.code === 0 || exit.code === 1) return exit.code === 0;
    throw new Error(summariseRefusal(exit.stderr));
  }

  private async get(key: AnnexKey, host: Host, signal: AbortSignal): Promise<void> {
    const { annex } = this.ends;
    const doing = `fetching a large file from ${host.hostname}`;
    // git-annex gets a content only from where it knows one.
    await annex.run(['setpresentkey', key, makeAnnexUuid(host.id), '1'], { signal, doing });
    const git = annex.repository.start(
      [
        ...(await makeRemoteArguments(this.ends, host)),
        ...['annex', 'get', '--key', key, '--from', nameRemote(host)],
        ...['--json', '--json-progress', '--json-error-messages'],
      ],
      signal,
    );
    git.stdin.end();
    // A host that sends a little now and then is never silent, and the next fetch waits for it.
    const limit = setTimeout(() => {
      git.end('slowness');
    }, limitGet(key));
    try {
      let refused = '';
      for await (const line of readLines(git)) {
        const answer = parseAnswer(line);
        if (answer?.success === false) refused = answer.why;
      }
      const exit = await git.exited;
      if (exit.endedBy === undefined && exit.code !== 0)
        throw new Error(summariseRefusal(`${refused}\n${exit.stderr}`));
      requireExit(doing, exit);
    } finally {
      clearTimeout(limit);
    }
  }
}

/** In milliseconds. A timer takes no more than 31 bits. */
function limitGet(key: AnnexKey): number {
  return Math.min(GET_MS + (1000 * getKeySize(key)) / GET_BYTES_PER_SECOND, 2 ** 31 - 1);
}

/** Names each host that was asked, and its answer. */
export function makeNowhereError(
  { path }: RecordedVersion,
  asked: readonly AskedHost[],
): SyncMediaError {
  const answers = asked.map(
    ({ host, answer }) => `${host.hostname}: ${'why' in answer ? answer.why : 'it has no copy'}`,
  );
  const has = (kind: FetchAnswer['kind']): boolean =>
    asked.some(({ answer }) => answer.kind === kind);
  return new SyncMediaError(
    has('silent') ? 'HOST_UNREACHABLE' : has('failed') ? 'HISTORY_FAILED' : 'NOT_RECORDED',
    `No host gave the bytes of this version of ${quotePath(path)} ` +
      `(${answers.join('; ') || 'no other host keeps large files'})`,
  );
}
