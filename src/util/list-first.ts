/** Formats the first names of a list, and how many more there are: `a, b and 3 more`. */
export function listFirst(names: readonly string[], max: number): string {
  const more = names.length > max ? ` and ${String(names.length - max)} more` : '';
  return names.slice(0, max).join(', ') + more;
}
