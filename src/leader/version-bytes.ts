import { open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { LeaderContext } from '../context/leader-context.js';
import { wantsPath } from '../decisions/wants.js';
import { CLOCK_SKEW_MS, DAY_MS } from '../model/clock.js';
import { SyncMediaError, type ErrorCode } from '../model/errors.js';
import type { RecordRequest } from '../model/history.js';
import type { Host, HostId } from '../model/host.js';
import { newName } from '../replica/areas.js';

/** Errors that say that this host has no file at the path, and never had one. */
const NEVER_HERE: readonly ErrorCode[] = ['BAD_PATH', 'NOT_A_FILE', 'SYMLINK_IN_PATH'];

/**
 * Finds the bytes of versions that are no longer at their paths: among the replaced files of this
 * host, or on another one. A host that does not answer is asked again in the next round.
 */
export class VersionBytes {
  private readonly away = new Set<HostId>();

  constructor(
    private readonly context: Pick<
      LeaderContext,
      'backend' | 'config' | 'disk' | 'me' | 'registry' | 'tuning'
    >,
  ) {}

  startRound(): void {
    this.away.clear();
  }

  /**
   * Returns an open file, which the caller closes. 'lost': no host has the bytes. 'later': a host
   * that may have them does not answer, or a delivery of them may be under way.
   */
  async find(request: RecordRequest, signal: AbortSignal): Promise<FileHandle | 'lost' | 'later'> {
    // A file that is moved from one place to another while they are searched is found again.
    const found = await this.lookEverywhere(request, signal);
    return found === 'lost' ? this.lookEverywhere(request, signal) : found;
  }

  private async lookEverywhere(
    request: RecordRequest,
    signal: AbortSignal,
  ): Promise<FileHandle | 'lost' | 'later'> {
    const here = await this.lookHere(request, signal);
    if (typeof here !== 'string') return here;
    const { at, replacedAt = at } = request;
    const { config, tuning } = this.context;
    const age = Date.now() - replacedAt.getTime();
    const others = this.listOthers(request.path);
    // No host keeps a replaced file for longer than the history has to.
    if (age > config.history.days * DAY_MS) return 'lost';
    if (others.length === 0) return here;
    const file = await openScratchFile(config.stateDir);
    let found: 'found' | 'lost' | 'later' = age < tuning.blockedRetryMs ? 'later' : here;
    for (const host of others) {
      const there = await this.lookThere(host, request, file, signal);
      if (there === 'lost') continue;
      found = there;
      if (there === 'found' || signal.aborted) break;
    }
    if (found === 'found') return file;
    await file.close();
    signal.throwIfAborted();
    return found;
  }

  private async lookHere(
    { path, info }: RecordRequest,
    signal: AbortSignal,
  ): Promise<FileHandle | 'lost' | 'later'> {
    try {
      return (info && (await this.context.disk.openCopy(path, info, signal))) ?? 'lost';
    } catch (error) {
      signal.throwIfAborted();
      // Such as a path that lies in no sync dir any more. A disk that is not mounted, or that fails
      // to read, may have it.
      return error instanceof SyncMediaError && NEVER_HERE.includes(error.code) ? 'lost' : 'later';
    }
  }

  private async lookThere(
    host: Host,
    { path, info, at, replacedAt = at }: RecordRequest,
    file: FileHandle,
    signal: AbortSignal,
  ): Promise<'found' | 'lost' | 'later'> {
    const { backend } = this.context;
    if (!info) return 'lost';
    const wanted = { path, info, since: new Date(replacedAt.getTime() - CLOCK_SKEW_MS) };
    try {
      if (!this.away.has(host.id) && (await backend.takesConnection(host, signal)))
        return (await backend.fetchCopy(host, wanted, file, signal)) ? 'found' : 'lost';
    } catch {
      // Its delivery queue reports why it does not answer.
    }
    this.away.add(host.id);
    return 'later';
  }

  private listOthers(path: RecordRequest['path']): Host[] {
    const { registry, me } = this.context;
    return registry.recipients().filter((host) => host.id !== me && wantsPath(host, path));
  }
}

/** A file without a name, so that a crash leaves nothing. */
async function openScratchFile(stateDir: string): Promise<FileHandle> {
  const name = join(stateDir, `recording-${newName()}`);
  const file = await open(name, 'wx+', 0o600);
  await rm(name);
  return file;
}
