import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Path } from '../model/path.js';
import { areas } from '../replica/areas.js';
import { readMarker } from '../replica/marker.js';
import { listRecoverableFiles } from '../replica/recoverable.js';
import type { HostState } from '../state-dir/state.js';
import type { HostsDeps } from './deps.js';
import { listOwnDirs } from './own-dirs.js';

type KeptDeps = Pick<HostsDeps, 'disk' | 'config' | 'listDeclaredDirs'>;

/** Files beyond this are not counted. */
const maxCounted = 10_000;

/** Lists the sync dirs whose internal folder is a directory with this host's marker. */
export async function listMarkedDirs(deps: KeptDeps, state: HostState): Promise<string[]> {
  const marked: string[] = [];
  for (const dir of await listOwnDirs(deps, state)) {
    const at = join(state.root, dir);
    const folder = await lstat(join(at, '.syncmedia')).catch(() => undefined);
    const marker = await readMarker(deps.disk, at).catch(() => undefined);
    if (folder?.isDirectory() && marker?.host === state.id) marked.push(dir);
  }
  return marked;
}

/** Counts the files in an area of a sync dir of this host, up to 10,000. */
export async function countKept(
  { disk }: Pick<KeptDeps, 'disk'>,
  { root }: HostState,
  dir: string,
  area: 'trash' | 'conflicts' | 'replaced',
): Promise<number> {
  const location = { disk, dirPath: join(root, dir), dir: dir as Path };
  const stat = await disk.stat(join(root, dir, areas[area]));
  return stat === undefined ? 0 : (await listRecoverableFiles(location, area, maxCounted)).length;
}
