import type { mongo } from 'mongoose';
import type { HostId } from '../model/host.js';
import type { Path } from '../model/path.js';
import type { CaptureRow } from './captured-paths.js';

/** Paths that wait to be checked for deletion: how many, since when, and the first of them. */
export interface CandidatePaths {
  readonly count: number;
  readonly since?: Date;
  readonly paths: Path[];
}

interface FoundCandidates {
  readonly all: readonly { readonly count: number; readonly since: Date | null }[];
  readonly first: readonly { readonly _id: Path }[];
}

/**
 * Finds the paths below a sync dir that a host is to check for deletion.
 * @param except sync dirs below this one
 */
export async function findCandidatePaths(
  captures: mongo.Collection<CaptureRow>,
  host: HostId,
  dir: Path,
  except: readonly Path[],
  limit: number,
): Promise<CandidatePaths> {
  const isBelow = matchPathsBelow(dir),
    nested = except.map((one) => ({ unreferenced: matchPathsBelow(one) }));
  const [found] = await captures
    .aggregate<FoundCandidates>(
      [
        { $match: { host, unreferenced: { $elemMatch: isBelow } } },
        { $project: { unreferenced: 1, unreferencedSince: 1 } },
        { $unwind: '$unreferenced' },
        { $match: { unreferenced: isBelow, ...(nested.length > 0 && { $nor: nested }) } },
        { $group: { _id: '$unreferenced', since: { $min: '$unreferencedSince' } } },
        {
          $facet: {
            all: [{ $group: { _id: null, count: { $sum: 1 }, since: { $min: '$since' } } }],
            first: [{ $sort: { _id: 1 } }, { $limit: limit }, { $project: { _id: 1 } }],
          },
        },
      ],
      { readPreference: 'primary' },
    )
    .toArray();
  const [all] = found?.all ?? [];
  return {
    count: all?.count ?? 0,
    ...(all?.since ? { since: all.since } : {}),
    paths: (found?.first ?? []).map(({ _id }) => _id),
  };
}

/** Matches texts from `dir/` up to, not including, `dir0` (`0` is the byte after `/`). */
function matchPathsBelow(dir: Path): { $gte: string; $lt: string } {
  return { $gte: `${dir}/`, $lt: `${dir}0` };
}
