import type { ComponentChildren, JSX, RefObject } from 'preact';

export interface Column<T> {
  readonly head: string;
  /** Classes of its cells: `num`, `more` (left out on phones), `quiet`. */
  readonly look?: string;
  /** The cell names its row. */
  readonly isRowHead?: boolean;
  readonly cell: (item: T) => ComponentChildren;
}

interface TableProps {
  readonly label: string;
  readonly columns: readonly Column<never>[];
  readonly look?: string;
  readonly area?: RefObject<HTMLDivElement>;
  readonly children: ComponentChildren;
}

/**
 * The frame of a table. It can be scrolled by keys. The roles are said because the layout of
 * phones takes them away.
 */
export function Table({ label, columns, look, area, children }: TableProps): JSX.Element {
  return (
    <div class="wide" tabIndex={0} role="region" aria-label={label} ref={area ?? null}>
      <table role="table" aria-label={label} class={look}>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map((column) => (
              <th key={column.head} role="columnheader" scope="col" class={column.look}>
                {column.head}
              </th>
            ))}
          </tr>
        </thead>
        {children}
      </table>
    </div>
  );
}

interface RowProps<T> {
  readonly columns: readonly Column<T>[];
  readonly item: T;
  readonly isGone?: boolean;
}

export function Row<T>({ columns, item, isGone = false }: RowProps<T>): JSX.Element {
  return (
    <tr role="row" class={isGone ? 'gone' : undefined}>
      {columns.map((column) =>
        column.isRowHead ? (
          <th key={column.head} role="rowheader" scope="row" class={column.look}>
            {column.cell(item)}
          </th>
        ) : (
          <td key={column.head} role="cell" class={column.look}>
            {column.cell(item)}
          </td>
        ),
      )}
    </tr>
  );
}

interface SimpleTableProps<T> {
  readonly label: string;
  readonly columns: readonly Column<T>[];
  readonly items: readonly T[];
  readonly keyOf: (item: T) => string;
  readonly look?: string;
}

/** A table of one group whose rows do not move by themselves. */
export function SimpleTable<T>({
  label,
  columns,
  items,
  keyOf,
  look,
}: SimpleTableProps<T>): JSX.Element {
  return (
    <Table label={label} columns={columns} {...(look !== undefined && { look })}>
      <tbody role="rowgroup">
        {items.map((item) => (
          <Row key={keyOf(item)} columns={columns} item={item} />
        ))}
      </tbody>
    </Table>
  );
}
