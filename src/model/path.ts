/**
 * Relative to the root, separated by `/`. Only `replica/` makes one. It refuses
 * anything that could leave the sync dir.
 */
export type Path = string & { readonly safe: true };
