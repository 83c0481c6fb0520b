/**
 * Relative to the root, separated by `/`, with nothing in it that could leave the sync dir.
 * `replica/paths.ts` checks one; values read back from our rows and files are cast.
 */
export type Path = string & { readonly safe: true };
