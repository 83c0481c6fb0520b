import { areas } from './areas.js';
import { isSafePath } from './paths.js';

export type KeptArea = 'trash' | 'conflicts';

/** Where a kept file lies, taken apart: `.syncmedia/<area>/<folder>/<rest>`, where `rest` is its path below the sync dir. */
export interface KeptName { readonly area: KeptArea; readonly folder: string; readonly rest: string }

/**
 * Takes the name of a kept file apart; undefined for everything that is no such name. Every name that comes from outside passes here:
 * an empty, over-long, `.`, `..` or `.syncmedia` segment would lead to files that were not set aside, the marker among them.
 */
export function parseKeptName(value: string): KeptName | undefined {
  for (const area of ['trash', 'conflicts'] as const) {
    const below = value.startsWith(`${areas[area]}/`) ? value.slice(areas[area].length + 1) : '';
    const slash = below.indexOf('/');
    const folder = below.slice(0, slash), rest = below.slice(slash + 1);
    if (slash !== -1 && isSafePath(folder) && isSafePath(rest)) return { area, folder, rest };
  }
  return undefined;
}
