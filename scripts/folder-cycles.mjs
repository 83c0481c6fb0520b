import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';

/**
 * The cycles among the folders below `src`: a stage that needs a later one and is needed by it is
 * no stage. Files that lie in `src` itself belong to no folder.
 *
 * @param {string} src
 * @returns {string[][]} each as the folders on the way, the first one again at the end
 */
export function findFolderCycles(src) {
  /** @type {Map<string, Set<string>>} */
  const imports = new Map();
  for (const name of readdirSync(src, { recursive: true, encoding: 'utf8' })) {
    if (!/\.tsx?$/.test(name)) continue;
    const from = folderOf(name);
    const known = imports.get(from) ?? new Set();
    imports.set(from, known);
    for (const [, path = ''] of readFileSync(join(src, name), 'utf8').matchAll(
      /\b(?:from|import)\s*\(?\s*['"](\.[^'"]*)['"]/g,
    )) {
      const to = folderOf(relative(src, join(src, dirname(name), path)));
      if (to !== from && to !== '' && from !== '') known.add(to);
    }
  }
  return findCycles(imports);
}

/** @param {string} path */
const folderOf = (path) => (path.includes(sep) ? (path.split(sep)[0] ?? '') : '');

/** @param {Map<string, Set<string>>} graph @returns {string[][]} */
function findCycles(graph) {
  /** @type {string[][]} */
  const cycles = [];
  const done = new Set();
  /** @param {string} node @param {string[]} way */
  const visit = (node, way) => {
    if (way.includes(node)) return void cycles.push([...way.slice(way.indexOf(node)), node]);
    if (done.has(node)) return;
    for (const next of graph.get(node) ?? []) visit(next, [...way, node]);
    done.add(node);
  };
  for (const node of [...graph.keys()].sort()) visit(node, []);
  return cycles;
}
