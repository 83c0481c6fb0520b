import { areas } from './areas.js';
import { isSafePath } from './paths.js';

export type RecoverableArea = 'trash' | 'conflicts';

/**
 * The parts of a recoverable file's name: `.syncmedia/<area>/<folder>/<rest>`. `rest` is its path
 * below the sync dir.
 */
export interface RecoverableName {
  readonly area: RecoverableArea;
  readonly folder: string;
  readonly rest: string;
}

/**
 * Parses the name of a recoverable file; undefined for anything else. Every name from outside
 * passes here. An empty, overlong, `.`, `..` or `.syncmedia` segment would lead to other files,
 * such as the marker.
 */
export function parseRecoverableName(value: string): RecoverableName | undefined {
  for (const area of ['trash', 'conflicts'] as const) {
    const below = value.startsWith(`${areas[area]}/`) ? value.slice(areas[area].length + 1) : '';
    const slash = below.indexOf('/');
    const folder = below.slice(0, slash),
      rest = below.slice(slash + 1);
    if (slash !== -1 && isSafePath(folder) && isSafePath(rest)) return { area, folder, rest };
  }
  return undefined;
}
