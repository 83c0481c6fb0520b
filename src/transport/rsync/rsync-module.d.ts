// The package has no types. Declared is only what we use. `_options` and `_patterns` are the
// fields of the pinned version 0.6.1 that hold the builder's state.
declare module 'rsync' {
  class Rsync {
    protected readonly _options: Readonly<
      Record<string, string | null | readonly (string | null)[]>
    >;
    protected readonly _patterns: readonly {
      readonly action: '+' | '-';
      readonly pattern: string;
    }[];
    set(option: string, value?: string | readonly (string | null)[]): this;
    isSet(option: string): boolean;
    exclude(pattern: string): this;
    source(): readonly string[];
    source(source: string): this;
    destination(): string;
    destination(destination: string): this;
    executable(): string;
    args(): string[];
  }
  export = Rsync;
}
