/** A row of the database with values of a wrong type, moved out of its collection. */
export interface UnreadableRow {
  /** Its former collection, and its id there. */
  readonly collection: string;
  readonly id: string;
  /** The fields with values of a wrong type. */
  readonly fields: readonly string[];
  /** The row as extended JSON, cut to 65,536 characters. */
  readonly row: string;
  readonly at: Date;
}
