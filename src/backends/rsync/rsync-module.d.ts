// The package has no types of its own. Only what we use; `_options` and `_patterns` are where version 0.6.1, which is pinned, keeps
// what the builder was told.
declare module 'rsync' {
  class Rsync {
    protected readonly _options: Readonly<Record<string, string | null | readonly (string | null)[]>>;
    protected readonly _patterns: readonly { readonly action: '+' | '-'; readonly pattern: string }[];
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
