import type { mongo } from 'mongoose';
import type { Capture } from '../model/capture.js';
import type { HostId } from '../model/host.js';
import type { LocalFileInfo } from '../model/file.js';
import type { Path } from '../model/path.js';
import { isLocalFileInfo } from './row-shape.js';

/** A capture as it is stored. */
export type CaptureRow = Omit<Capture, 'id'> & { _id: string };

/** What waiting captures say about one path, for one host. */
export interface PathCapture {
  readonly host: HostId;
  /** Id of the newest capture. */
  readonly id: string;
  /** The files that lay there when the app called `capture(paths)`. */
  readonly asserted: readonly LocalFileInfo[];
}

/**
 * Projects each row to these paths, since a row may name a thousand. They are literals, because a
 * path may begin with `$`.
 */
export function projectPaths(paths: readonly Path[]): mongo.Document {
  const requested = { $literal: [...paths] };
  const listOf = (field: string): mongo.Document => ({ $cond: [{ $isArray: field }, field, []] });
  return {
    host: 1,
    touched: { $setIntersection: [listOf('$touched'), requested] },
    asserted: {
      $filter: { input: listOf('$asserted'), cond: { $in: ['$$this.path', requested] } },
    },
  };
}

/** For each path its captures, the newest first. */
export function groupByPath(rows: readonly CaptureRow[]): Map<Path, PathCapture[]> {
  const found = new Map<Path, PathCapture[]>();
  for (const { _id: id, host, touched, asserted = [] } of [...rows].sort((a, b) =>
    a._id < b._id ? 1 : -1,
  )) {
    for (const path of touched) {
      const captured = found.get(path) ?? [];
      const assertedInfo = asserted.flatMap((one) =>
        one.path === path && isLocalFileInfo(one.info) ? [one.info] : [],
      );
      const before = captured.findIndex((one) => one.host === host),
        newer = captured[before];
      if (newer === undefined) captured.push({ host, id, asserted: assertedInfo });
      else captured[before] = { ...newer, asserted: [...newer.asserted, ...assertedInfo] };
      found.set(path, captured);
    }
  }
  return found;
}
