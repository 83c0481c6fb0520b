import { createHash } from 'node:crypto';
import { hasChanged, haveSameFacts } from '../decisions/file-state.js';
import { allows } from '../decisions/wants.js';
import type { Change, Entry, Host, Path, Seen, SyncDir } from '../model/words.js';
import { asHostFailure } from './compare.js';
import type { Progress, RunContext } from './context.js';

/** Hashes a file on another host; undefined if it cannot be read. */
export async function hashThere(
  { backend }: RunContext,
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
    asHostFailure(error);
    return undefined;
  }
}

/**
 * Whether this host's own bytes are those of the version. If the ledger has no sha256 yet, size
 * and date must suffice.
 */
export async function isGoodHere({ disk }: RunContext, { path, facts }: Entry): Promise<boolean> {
  if (!facts) return false;
  const seen = await (facts.sha256 === undefined ? disk.observe(path) : disk.hash(path)).catch(
    () => undefined,
  );
  return seen !== undefined && haveSameFacts(seen, facts) && seen.sha256 === facts.sha256;
}

/**
 * Captures an edit: other bytes with the size and date of the version, where somebody wrote to
 * the file since this host last knew its content. Returns false if nobody has, which means bit
 * rot. A path with an unprocessed capture is left to that capture.
 */
export async function captureEdit(context: RunContext, entry: Entry, seen: Seen): Promise<boolean> {
  if (hasChanged(entry, context.me, seen) !== true)
    return context.isCaptured(context.me, entry.path);
  context.offer(
    await context.fold.paths([entry.path], { why: 'scan', asserted: [{ path: entry.path, seen }] }),
  );
  return true;
}

/** Whether the file is an edit that only its content reveals. If so, captures it. */
async function isEdit(context: RunContext, entry: Entry): Promise<boolean> {
  const { facts } = entry;
  if (facts?.sha256 === undefined) return false;
  const seen = await context.disk.hash(entry.path).catch(() => undefined);
  return (
    seen !== undefined &&
    haveSameFacts(seen, facts) &&
    seen.sha256 !== facts.sha256 &&
    captureEdit(context, entry, seen)
  );
}

/**
 * Fetches a version again from a holder whose bytes match the ledger. The replaced file is kept
 * as a conflict. Returns false, and reports it, if no host has good bytes.
 */
export async function repairHere(
  context: RunContext,
  progress: Progress,
  dir: SyncDir,
  entry: Entry,
): Promise<boolean> {
  const { backend, settler, me } = context;
  const { path, version, facts } = entry;
  if (!facts || (await isEdit(context, entry))) return false;
  const holders = context
    .others()
    .filter(
      (host) =>
        entry.heldBy.includes(host.id) &&
        (host.passive || host.readyAt !== undefined) &&
        allows(host, path),
    );
  for (const host of holders) {
    if (
      facts.sha256 !== undefined &&
      (await hashThere(context, host, path, progress.signal)) !== facts.sha256
    )
      continue;
    const change: Change = { do: 'put', path, dir, version, facts };
    for await (const outcome of backend.fetch(host, [change], progress.signal)) {
      context.events.emit('outcome', { host: me, outcome });
      if (outcome.result === 'kept') {
        // This host's app wrote new bytes meanwhile; there is nothing to repair.
        context.offer(await context.fold.paths([path], { why: 'scan', surely: true }));
        return false;
      }
      if (outcome.result !== 'delivered' || !(await isGoodHere(context, entry))) continue;
      await settler.settle(path, version, me);
      context.landedHere(1);
      return true;
    }
  }
  progress.fail(me, {
    code: 'NO_GOOD_COPY',
    message: `${JSON.stringify(path)}: no host has bytes that match the ledger`,
    retryable: false,
    of: 'path',
  });
  return false;
}
