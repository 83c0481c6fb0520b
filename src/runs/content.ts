import { createHash } from 'node:crypto';
import { hasChangedSinceCompared, haveSameSizeAndTime } from '../decisions/file-state.js';
import { allowsPath } from '../decisions/wants.js';
import type { Change } from '../model/change.js';
import type { Entry } from '../model/entry.js';
import type { Host } from '../model/host.js';
import type { Path } from '../model/path.js';
import type { LocalFileInfo } from '../model/file.js';
import type { SyncDir } from '../model/sync-dir.js';
import { toHostFailure } from './compare.js';
import type { LeaderContext } from '../context/leader-context.js';
import type { RunProgress } from './run-progress.js';

/** Hashes a file on another host; undefined if it cannot be read. */
export async function hashRemoteFile(
  { backend }: LeaderContext,
  host: Host,
  path: Path,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const { body } = await backend.read(host, path, signal);
    const hash = createHash('sha256');
    for await (const bytes of body) hash.update(bytes);
    return hash.digest('hex');
  } catch (error) {
    signal.throwIfAborted();
    toHostFailure(error);
    return undefined;
  }
}

/**
 * Whether this host's own bytes are those of the version. If the ledger has no sha256 yet, size
 * and date must suffice.
 */
export async function isIntactHere(
  { disk }: LeaderContext,
  { path, info }: Entry,
): Promise<boolean> {
  if (!info) return false;
  const localInfo = await (info.sha256 === undefined ? disk.observe(path) : disk.hash(path)).catch(
    () => undefined,
  );
  return (
    localInfo !== undefined &&
    haveSameSizeAndTime(localInfo, info) &&
    localInfo.sha256 === info.sha256
  );
}

/**
 * Captures an edit: other bytes with the size and date of the version, where somebody wrote to
 * the file since this host last knew its content. Returns false if nobody has, which means bit
 * rot. A path with an unprocessed capture is left to that capture.
 */
export async function captureEdit(
  context: LeaderContext,
  entry: Entry,
  localInfo: LocalFileInfo,
): Promise<boolean> {
  if (hasChangedSinceCompared(entry, context.me, localInfo) !== true)
    return context.outbox.hasCaptureOf(context.me, entry.path);
  context.enqueue(
    await context.reconciler.reconcilePaths([entry.path], {
      why: 'scan',
      asserted: [{ path: entry.path, info: localInfo }],
    }),
  );
  return true;
}

/** Whether the file is an edit that only its content reveals. If so, captures it. */
async function captureIfEdited(context: LeaderContext, entry: Entry): Promise<boolean> {
  const { info } = entry;
  if (info?.sha256 === undefined) return false;
  const localInfo = await context.disk.hash(entry.path).catch(() => undefined);
  return (
    localInfo !== undefined &&
    haveSameSizeAndTime(localInfo, info) &&
    localInfo.sha256 !== info.sha256 &&
    captureEdit(context, entry, localInfo)
  );
}

/**
 * Fetches a version again from a holder whose bytes match the ledger. The replaced file is kept
 * as a conflict. Returns false, and reports it, if no host has good bytes.
 */
export async function repairOwnFile(
  context: LeaderContext,
  progress: RunProgress,
  dir: SyncDir,
  entry: Entry,
): Promise<boolean> {
  const { backend, acknowledger, me } = context;
  const { path, version, info } = entry;
  if (!info || (await captureIfEdited(context, entry))) return false;
  const holders = context.registry
    .others()
    .filter(
      (host) =>
        entry.heldBy.includes(host.id) &&
        (host.passive || host.readyAt !== undefined) &&
        allowsPath(host, path),
    );
  for (const host of holders) {
    if (
      info.sha256 !== undefined &&
      (await hashRemoteFile(context, host, path, progress.signal)) !== info.sha256
    )
      continue;
    const change: Change = { do: 'put', path, dir, version, info };
    const begun = performance.now();
    for await (const outcome of backend.fetch(host, [change], progress.signal)) {
      context.events.emit('outcome', { host: me, outcome, ms: performance.now() - begun });
      if (outcome.result === 'kept') {
        // This host's app wrote new bytes meanwhile; there is nothing to repair.
        context.enqueue(
          await context.reconciler.reconcilePaths([path], { why: 'scan', comparesContent: true }),
        );
        return false;
      }
      if (outcome.result !== 'delivered' || !(await isIntactHere(context, entry))) continue;
      await acknowledger.acknowledge(path, version, me);
      context.reportReceived(1);
      return true;
    }
  }
  progress.addFailure(me, {
    code: 'NO_GOOD_COPY',
    message: `${JSON.stringify(path)}: no host has bytes that match the ledger`,
    retryable: false,
    scope: 'path',
  });
  return false;
}
