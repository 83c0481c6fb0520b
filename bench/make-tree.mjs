// Makes a tree of many small files: `node bench/make-tree.mjs DIR FILES`. A thousand files in each
// directory, ten directories in each.
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** How many files lie in one directory. */
const perDirectory = 1_000;

/**
 * @param {string} dir absolute; made if it is missing
 * @param {number} files
 */
export function makeTree(dir, files) {
  for (let at = 0; at < files; at += perDirectory) {
    const group = String(Math.floor(at / (10 * perDirectory)));
    const directory = `${dir}/${group}/${String(at / perDirectory)}`;
    mkdirSync(directory, { recursive: true });
    for (let file = at; file < Math.min(files, at + perDirectory); file++)
      writeFileSync(`${directory}/picture-${String(file)}.jpg`, String(file));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [dir, files] = process.argv.slice(2);
  if (dir === undefined || !Number.isInteger(Number(files))) {
    console.error('usage: node bench/make-tree.mjs DIR FILES');
    process.exitCode = 2;
  } else makeTree(dir, Number(files));
}
