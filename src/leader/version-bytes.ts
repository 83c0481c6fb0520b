import { open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { LeaderContext } from '../context/leader-context.js';
import { wantsPath } from '../decisions/wants.js';
import { SyncMediaError } from '../model/errors.js';
import type { RecordRequest } from '../model/history.js';
import type { Host, HostId } from '../model/host.js';
import { newName } from '../replica/areas.js';

/** In milliseconds. The clocks of two hosts may differ by this much. */
const SKEW_MS = 60_000;
const DAY_MS = 24 * 60 * 60_000;

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
    const { path, info, at, replacedAt = at } = request;
    if (!info) return 'lost';
    const here = await this.openHere(request);
    if (here) return here;
    // No host keeps a replaced file for longer than the history has to.
    const isOver = Date.now() - replacedAt.getTime() > this.context.config.history.days * DAY_MS;
    if (isOver) return 'lost';
    const since = new Date(replacedAt.getTime() - SKEW_MS);
    const file = await openScratchFile(this.context.config.stateDir);
    const others = this.listOthers(path);
    const isRecent = Date.now() - replacedAt.getTime() < this.context.tuning.blockedRetryMs;
    let isLater = isRecent && others.length > 0;
    for (const host of others) {
      try {
        const { backend } = this.context;
        if (this.away.has(host.id) || !(await backend.takesConnection(host, signal)))
          isLater = true;
        else if (await backend.fetchCopy(host, { path, info, since }, file, signal)) return file;
        else continue;
      } catch {
        isLater = true;
      }
      this.away.add(host.id);
      if (signal.aborted) break;
    }
    await file.close();
    signal.throwIfAborted();
    return isLater ? 'later' : 'lost';
  }

  private async openHere({ path, info }: RecordRequest): Promise<FileHandle | undefined> {
    try {
      return info && (await this.context.disk.openCopy(path, info));
    } catch (error) {
      // Such as a path that lies in no sync dir any more. Another host may have the bytes.
      if (error instanceof SyncMediaError) return undefined;
      throw error;
    }
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
