import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Clauses that hide the subject of a sentence: "what is missing", "whoever has it". */
const clause = /\b(?:whoever|whatever|what (?:is|was|are|were|has|had|it|they|lies|came))\b/gi;

/**
 * Counts such clauses in the comments of every source file.
 *
 * @param {string} src
 * @returns {string[]} each as file, line and words
 */
export function findNominalClauses(src) {
  /** @type {string[]} */
  const places = [];
  for (const name of readdirSync(src, { recursive: true, encoding: 'utf8' })) {
    if (!/\.tsx?$/.test(name)) continue;
    const lines = readFileSync(join(src, name), 'utf8').split('\n');
    for (const [at, line] of lines.entries()) {
      const comment = /^\s*(?:\/\/|\/?\*)(.*)$|\s\/\/ (.*)$/.exec(line);
      const found = (comment?.[1] ?? comment?.[2] ?? '').match(clause) ?? [];
      for (const words of found) places.push(`${name}:${String(at + 1)}: ${words}`);
    }
  }
  return places;
}
