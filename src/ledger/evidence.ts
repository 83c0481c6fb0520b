import type { Evidence, Question } from '../decisions/reconcile.js';
import { changedAt, haveSameFacts } from '../decisions/file-state.js';
import type { Entry, HostId, Path, Seen } from '../model/words.js';
import type { FoldContext, Reason } from './reconcile-context.js';

/** The evidence for a decision, and the file that it is about. */
export interface Gathered {
  evidence: Partial<Evidence>;
  copy: string | undefined;
}

/**
 * In milliseconds. The clocks of two hosts, or a file's date and this host's clock, may differ by
 * this much.
 */
const skewMs = 60_000;
/** A capture states its time in whole seconds. */
const secondMs = 1_000;

/** Answers one question of `reconcile` from this disk or the database. */
export async function gather(
  context: FoldContext,
  { ask }: Question,
  about: { path: Path; entry: Entry | undefined; seen: Seen | undefined },
  reason: Reason,
  before: Gathered,
): Promise<Gathered> {
  const { disk } = context,
    { path, entry, seen } = about;
  switch (ask) {
    case 'ownCopy':
    case 'lateDelivery': {
      const copy =
        entry?.facts && (await disk.findOwnCopy(entry, { late: ask === 'lateDelivery' }));
      return { evidence: { ...before.evidence, [ask]: copy !== undefined }, copy };
    }
    case 'uncaptured': {
      const copy = entry && (await disk.findUncaptured(entry));
      return { evidence: { ...before.evidence, uncaptured: copy !== undefined }, copy };
    }
    case 'taken': {
      const asserted = reason.asserted?.find((one) => one.path === path)?.seen;
      const since = new Date((reason.savedAt?.getTime() ?? Date.now()) - secondMs);
      const copy = await disk.findTaken(
        path,
        since,
        (found) => asserted === undefined || haveSameFacts(asserted, found),
      );
      return { evidence: { ...before.evidence, taken: copy !== undefined }, copy };
    }
    case 'cameLately':
      return {
        ...before,
        evidence: {
          ...before.evidence,
          cameLately: mayHaveComeSince(entry, seen) && isYoung(reason.savedAt, context.awaitedMs),
        },
      };
    case 'awaited':
      return {
        ...before,
        evidence: {
          ...before.evidence,
          awaited: isRecent(seen, context.awaitedMs) || (await context.isCaptured(path)),
        },
      };
    case 'referenced':
      return {
        ...before,
        evidence: {
          ...before.evidence,
          referenced:
            isSavedSince(entry, path, reason, context.me) || (await context.isReferenced(path)),
        },
      };
  }
}

/** Allows for clock skew, because the clock of another host may have dated the version. */
function mayHaveComeSince(entry: Entry | undefined, seen: Seen | undefined): boolean {
  const came = seen && changedAt(seen);
  return entry !== undefined && (came === undefined || came > entry.capturedAt.getTime() - skewMs);
}

function isYoung(savedAt: Date | undefined, limitMs: number): boolean {
  return savedAt !== undefined && Date.now() - savedAt.getTime() < limitMs;
}

function isRecent(seen: Seen | undefined, awaitedMs: number): boolean {
  const since = seen && changedAt(seen);
  return since !== undefined && Math.abs(Date.now() - since) < awaitedMs;
}

/**
 * Whether the save is certainly younger than the delete, or the application asserted these bytes.
 * Then no search of the documents is needed, which would delay the path. If this host wrote the
 * tombstone, one clock dated both.
 */
function isSavedSince(
  entry: Entry | undefined,
  path: Path,
  { savedAt, asserted }: Reason,
  me: HostId,
): boolean {
  if (asserted?.some((one) => one.path === path)) return true;
  if (savedAt === undefined || entry === undefined) return false;
  return savedAt.getTime() > entry.capturedAt.getTime() + (entry.capturedBy === me ? 0 : skewMs);
}
