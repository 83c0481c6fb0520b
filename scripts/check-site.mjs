// Checks the built documentation: no page loads anything from another origin.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * Finds what HTML or CSS loads from another origin. Links that a reader follows are no loads.
 *
 * @param {string} text @returns {string[]}
 */
export function findForeignLoads(text) {
  const loads = [
    /<(?:script|img|iframe|source|video|audio|embed|object)\b[^>]*\b(?:src|data)=["']?((?:https?:)?\/\/[^"'\s>]+)/gi,
    /<link\b[^>]*\bhref=["']?((?:https?:)?\/\/[^"'\s>]+)/gi,
    /url\(\s*["']?((?:https?:)?\/\/[^"')]+)/gi,
    /@import\s+["']((?:https?:)?\/\/[^"']+)/gi,
  ];
  return loads.flatMap((load) => [...text.matchAll(load)].map(([, address = '']) => address));
}

/** @param {string} folder @returns {{ pages: number, loads: string[] }} */
export function checkSite(folder) {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    /\.(html|css)$/.test(file),
  );
  const loads = files.flatMap((file) =>
    findForeignLoads(readFileSync(join(folder, file), 'utf8')).map(
      (address) => `${file} loads ${address}`,
    ),
  );
  return { pages: files.filter((file) => file.endsWith('.html')).length, loads };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { pages, loads } = checkSite('docs/.vitepress/dist');
  for (const load of loads) console.error(load);
  console.log(`${String(pages)} pages, ${String(loads.length)} requests to other origins`);
  process.exitCode = loads.length > 0 || pages === 0 ? 1 : 0;
}
