/**
 * The known name that is closest to a mistyped one. Undefined if more than a third of it differs
 * from every known name.
 */
export function findNearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.ceil(name.length / 3) + 1;
  for (const candidate of known) {
    const distance = measureDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** Lists unknown names, each with the known one that is probably meant. */
export function describeUnknown(unknown: readonly string[], known: readonly string[]): string {
  return unknown
    .map((name) => {
      const nearest = findNearest(name, known);
      return nearest === undefined ? `"${name}"` : `"${name}" (did you mean "${nearest}"?)`;
    })
    .join(', ');
}

/** Levenshtein's edit distance, one row at a time. */
function measureDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
