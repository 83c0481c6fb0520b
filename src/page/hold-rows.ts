/** A row of a table that redraws itself. */
export interface HeldRow<T> {
  readonly id: string;
  /** The heading under which it is listed. */
  readonly group: string;
  readonly item: T;
  /** It is no longer part of the list, and only still shown because the reader is at it. */
  readonly gone?: true;
}

/**
 * Arranges new rows so that none moves under the reader. While `held` (the pointer, the focus or
 * a selection is in the table), rows keep their place and group, new ones come last, and ones
 * that left the list stay. Their contents are always the newest.
 */
export function holdRows<T>(
  shown: readonly HeldRow<T>[],
  wanted: readonly HeldRow<T>[],
  held: boolean,
): readonly HeldRow<T>[] {
  if (!held) return wanted;
  const byId = new Map(wanted.map((row) => [row.id, row]));
  const kept = shown.map((row): HeldRow<T> => {
    const now = byId.get(row.id);
    byId.delete(row.id);
    return now
      ? { id: row.id, group: row.group, item: now.item }
      : { id: row.id, group: row.group, item: row.item, gone: true };
  });
  return [...kept, ...byId.values()];
}
