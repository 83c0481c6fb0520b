import type { Evidence, EvidenceRequest } from '../decisions/reconcile.js';
import { readChangeTime, haveSameSizeAndTime } from '../decisions/file-state.js';
import { CLOCK_SKEW_MS } from '../model/clock.js';
import type { Entry } from '../model/entry.js';
import type { HostId } from '../model/host.js';
import type { Path } from '../model/path.js';
import type { LocalFileInfo } from '../model/file.js';
import type { ReconcileContext, ReconcileReason } from './reconcile-context.js';

/** The evidence for a decision, and the file that it is about. */
export interface GatheredEvidence {
  evidence: Partial<Evidence>;
  copy: string | undefined;
}

/** A capture states its time in whole seconds. */
const secondMs = 1_000;

/** Answers one question of `reconcile` from this disk or the database. */
export async function gatherEvidence(
  context: ReconcileContext,
  { needs: question }: EvidenceRequest,
  about: { path: Path; entry: Entry | undefined; info: LocalFileInfo | undefined },
  reason: ReconcileReason,
  gatheredBefore: GatheredEvidence,
): Promise<GatheredEvidence> {
  const { disk } = context,
    { path, entry, info: localInfo } = about;
  switch (question) {
    case 'ownCopy':
    case 'lateDelivery': {
      const copyPath =
        entry?.info && (await disk.findOwnCopy(entry, { late: question === 'lateDelivery' }));
      return {
        evidence: { ...gatheredBefore.evidence, [question]: copyPath !== undefined },
        copy: copyPath,
      };
    }
    case 'uncaptured': {
      const copyPath = entry && (await disk.findUncaptured(entry));
      return {
        evidence: { ...gatheredBefore.evidence, uncaptured: copyPath !== undefined },
        copy: copyPath,
      };
    }
    case 'takenByDelete': {
      const asserted = reason.asserted?.find((one) => one.path === path)?.info;
      const changedSince = new Date((reason.savedAt?.getTime() ?? Date.now()) - secondMs);
      const copyPath = await disk.findRemoved(
        path,
        changedSince,
        (info) => asserted === undefined || haveSameSizeAndTime(asserted, info),
      );
      return {
        evidence: { ...gatheredBefore.evidence, takenByDelete: copyPath !== undefined },
        copy: copyPath,
      };
    }
    case 'arrivedRecently':
      return {
        ...gatheredBefore,
        evidence: {
          ...gatheredBefore.evidence,
          arrivedRecently:
            mayHaveArrivedSince(entry, localInfo) &&
            isRecentSave(reason.savedAt, context.awaitSaveMs),
        },
      };
    case 'saveExpected':
      return {
        ...gatheredBefore,
        evidence: {
          ...gatheredBefore.evidence,
          saveExpected:
            isRecentFile(localInfo, context.awaitSaveMs) || (await context.isCaptured(path)),
        },
      };
    case 'referenced':
      return {
        ...gatheredBefore,
        evidence: {
          ...gatheredBefore.evidence,
          referenced:
            isSavedAfterDelete(entry, path, reason, context.me) ||
            (await context.isReferenced(path)),
        },
      };
  }
}

/** Allows for clock skew, because the clock of another host may have dated the version. */
function mayHaveArrivedSince(
  entry: Entry | undefined,
  localInfo: LocalFileInfo | undefined,
): boolean {
  const arrivedAt = localInfo && readChangeTime(localInfo);
  return (
    entry !== undefined &&
    (arrivedAt === undefined || arrivedAt > entry.capturedAt.getTime() - CLOCK_SKEW_MS)
  );
}

function isRecentSave(savedAt: Date | undefined, limitMs: number): boolean {
  return savedAt !== undefined && Date.now() - savedAt.getTime() < limitMs;
}

function isRecentFile(localInfo: LocalFileInfo | undefined, awaitedMs: number): boolean {
  const changedSince = localInfo && readChangeTime(localInfo);
  return changedSince !== undefined && Math.abs(Date.now() - changedSince) < awaitedMs;
}

/**
 * Whether the save is certainly younger than the delete, or the application asserted these bytes.
 * Then no search of the documents is needed, which would delay the path. If this host wrote the
 * tombstone, one clock dated both.
 */
function isSavedAfterDelete(
  entry: Entry | undefined,
  path: Path,
  { savedAt, asserted }: ReconcileReason,
  me: HostId,
): boolean {
  if (asserted?.some((one) => one.path === path)) return true;
  if (savedAt === undefined || entry === undefined) return false;
  return (
    savedAt.getTime() > entry.capturedAt.getTime() + (entry.capturedBy === me ? 0 : CLOCK_SKEW_MS)
  );
}
