import { chooseRequestedDirs } from './compare.js';
import type { LeaderContext } from '../context/leader-context.js';
import { chooseHolders } from '../decisions/choose-holders.js';
import { haveSameSizeAndTime } from '../decisions/file-state.js';
import { answerRestore } from '../decisions/restore-to-time.js';
import type { Entry } from '../model/entry.js';
import type { Host } from '../model/host.js';
import { SyncMediaError } from '../model/errors.js';
import type { FileInfo } from '../model/file.js';
import type { RecordedVersion } from '../model/history.js';
import type { SyncDir } from '../model/sync-dir.js';
import { makeChangedError } from '../replica/place-version.js';
import type { History } from '../transport/history.js';
import { parseFileMode } from '../transport/rsync/small-files/put.js';
import { toFailure } from '../transport/to-failure.js';
import { mapConcurrently } from '../util/map-concurrently.js';
import type { RunProgress } from './run-progress.js';

/** Entries that are looked up in the history by one walk, and how many are placed at once. */
const batchSize = 200,
  placedAtOnce = 4;
/** Files that are read together, and the bytes of those that are in memory at once. */
const maxSmallBytes = 1024 * 1024,
  readAtOnceBytes = 8 * 1024 * 1024;

/** The version to place, and a copy of its bytes where the history has none. */
interface Planned {
  readonly entry: Entry;
  readonly version: RecordedVersion & { readonly info: NonNullable<RecordedVersion['info']> };
  readonly copy: string | undefined;
}

/**
 * Restores the files of sync dirs as they were at a time. It looks at the entries that were
 * captured between that time and the request, or an earlier end that the request names. Later saves
 * stay, also those that come while it restores, and nothing is removed. Each restored file is a new
 * version for every host, like a save.
 *
 * A run that its leader could not end starts again, and finds nothing to do at the files that it
 * has restored.
 *
 * @throws NO_HISTORY, BAD_SYNC_DIR; errors of the history
 */
export async function runRestoreToTime(
  context: LeaderContext,
  progress: RunProgress,
  time: Date,
): Promise<void> {
  const { history } = context.backend;
  if (!history)
    throw new SyncMediaError(
      'NO_HISTORY',
      `the backend ${context.config.backend} of this host keeps no history`,
    );
  const { run, signal } = progress;
  const { restoresBefore: before = run.requestedAt } = run;
  for (const dir of chooseRequestedDirs(context, progress)) {
    const captured = { below: dir.path, since: time, before };
    let after: Entry['path'] | undefined;
    do {
      signal.throwIfAborted();
      const entries = await context.ledger.findCaptured(captured, batchSize, after);
      await restoreEntries(context, progress, history, dir, entries, time);
      after = entries.length < batchSize ? undefined : entries.at(-1)?.path;
    } while (after !== undefined);
  }
}

async function restoreEntries(
  context: LeaderContext,
  progress: RunProgress,
  history: History,
  dir: SyncDir,
  all: readonly Entry[],
  time: Date,
): Promise<void> {
  // Entries of a sync dir within this one, and excluded ones, are not of it.
  const entries = all.filter(({ path }) => context.findSyncDir(path)?.path === dir.path);
  const paths = entries.map(({ path }) => path);
  const versions = await history.findAt(paths, time, progress.signal);
  const planned: Planned[] = [];
  for (const entry of entries) {
    const one = await planEntry(context, progress, entry, versions.get(entry.path));
    if (one) planned.push(one);
  }
  if (progress.run.dryRun) return;
  for (const part of splitBySize(planned)) {
    const small = part.filter(isSmall).map(({ version }) => version);
    const read = await readTogether(history, small, progress.signal);
    await mapConcurrently(part, placedAtOnce, async (one) => {
      progress.signal.throwIfAborted();
      try {
        await placePlanned(context, progress, history, one, read.get(one.version));
      } catch (error) {
        progress.signal.throwIfAborted();
        progress.addFailure(context.me, toFailure(error, 'path'));
      }
    });
  }
}

/** A damaged version fails all that are read with it. Read one by one, it alone fails. */
async function readTogether(
  history: History,
  versions: readonly RecordedVersion[],
  signal: AbortSignal,
): Promise<ReadonlyMap<RecordedVersion, Uint8Array>> {
  try {
    return await history.readSmall(versions, signal);
  } catch {
    signal.throwIfAborted();
    return new Map();
  }
}

function isSmall({ version, copy }: Planned): boolean {
  return copy === undefined && version.info.size <= maxSmallBytes;
}

/** Splits the planned files so that the small files of each part fit into memory. */
function splitBySize(planned: readonly Planned[]): Planned[][] {
  const parts: Planned[][] = [];
  let bytes = Infinity;
  for (const one of planned) {
    const size = isSmall(one) ? one.version.info.size : 0;
    if (bytes + size > readAtOnceBytes) {
      parts.push([]);
      bytes = 0;
    }
    bytes += size;
    parts.at(-1)?.push(one);
  }
  return parts;
}

async function planEntry(
  context: LeaderContext,
  progress: RunProgress,
  entry: Entry,
  version: RecordedVersion | undefined,
): Promise<Planned | undefined> {
  const { me, disk } = context;
  const { path, kind } = entry;
  const answer = answerRestore(entry, version);
  if (answer === 'same') return undefined;
  const info = version?.info;
  const copy = answer === 'hash only' && info ? await disk.findCopy(path, info) : undefined;
  const isHere = answer === 'restore' || copy !== undefined;
  const mayBring =
    answer === 'hash only' && version !== undefined && listHolders(context, version).length > 0;
  if (!version || !info || !(isHere || mayBring)) {
    progress.addLeftOut(path, answer === 'restore' ? 'no version' : answer);
    return undefined;
  }
  if (progress.run.dryRun)
    progress.addWouldTransfer(me, path, info.size, kind === 'file' ? 'different' : 'missing');
  else progress.addFound(1, info.size);
  return { entry, copy, version: { ...version, info } };
}

async function placePlanned(
  context: LeaderContext,
  progress: RunProgress,
  history: History,
  { entry, version, copy }: Planned,
  bytes: Uint8Array | undefined,
): Promise<void> {
  const { disk, ledger, reconciler, config } = context,
    { path, info } = version;
  const hasNewVersion = async (): Promise<boolean> =>
    (await ledger.read(path))?.version !== entry.version;
  // Somebody may have saved the file since it was looked at. That save stays, also if nothing has
  // captured it yet.
  const found = await disk.observe(path);
  const isSaved = (await reconciler.listUnknown([entry])).length > 0;
  // An earlier leader may have ended after it placed the version.
  const isPlaced =
    isSaved && found?.size === info.size && (await disk.hash(path))?.sha256 === info.sha256;
  if ((await hasNewVersion()) || (isSaved && !isPlaced)) throw makeChangedError(path);
  if (!isPlaced && copy === undefined && version.as === 'named')
    await history.bring?.(version, listHolders(context, version), progress.signal);
  if (!isPlaced)
    await disk.placeVersion(
      {
        path,
        // The restored file is new: caches of visitors must notice it.
        info: { ...info, mtime: Math.floor(Date.now() / 1000) },
        source: copy ?? (bytes ? yieldBytes(bytes) : history.read(version, progress.signal)),
        found,
        hasNewVersion,
      },
      parseFileMode(config.chmod) ?? 0o644,
    );
  const placed = await disk.observe(path);
  if (!placed) return;
  const written = await reconciler.reconcilePaths([path], {
    why: 'named',
    asserted: [{ path, info: placed }],
    author: progress.run.requestedBy,
    ifVersion: { version: entry.version },
  });
  context.enqueue(written);
  if (written.length === 0 && (await isOutrun(context, entry, placed))) {
    await disk.withdraw(path, placed);
    throw makeChangedError(path);
  }
  progress.addDone(1, info.size);
}

/** The hosts that may have the bytes of a version which this host knows by its hash. */
function listHolders({ backend, registry, me }: LeaderContext, { host }: RecordedVersion): Host[] {
  if (backend.history?.bring === undefined) return [];
  return chooseHolders(registry.find(me), registry.all(), host);
}

async function* yieldBytes(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Whether another host saved the file right after the restored one was placed here. */
async function isOutrun(
  { ledger }: Pick<LeaderContext, 'ledger'>,
  { path, version }: Entry,
  placed: FileInfo,
): Promise<boolean> {
  const now = await ledger.read(path);
  const isPlaced = now?.info !== undefined && haveSameSizeAndTime(now.info, placed);
  return now?.version !== version && !isPlaced;
}
