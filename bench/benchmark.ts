/** What it measures, and how it is run. */
export interface Benchmark {
  readonly number: number;
  readonly title: string;
  run(settings: Settings): Promise<Result>;
}

export interface Settings {
  /** A database server of this benchmark's own. */
  readonly server: { readonly uri: string; readonly server: string };
  /** Sizes from the command line; each benchmark has defaults of its own. */
  readonly files: number | undefined;
  readonly saves: number | undefined;
  /** Tells the person at the terminal how far it is. */
  readonly say: (line: string) => void;
}

/** A cell is text; figures are made by `milliseconds` and the like. */
export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A goal of the project, with what was measured; `met` undefined: this run cannot tell. */
export interface Goal {
  readonly goal: string;
  readonly measured: string;
  readonly met: boolean | undefined;
}

export interface Result {
  /** With which sizes, for people. */
  readonly sizes: string;
  readonly tables: readonly Table[];
  readonly goals: readonly Goal[];
  readonly notes: readonly string[];
}
