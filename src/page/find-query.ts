/** Which files to ask the router for. */
export type TypedQuery =
  | { readonly path: string }
  | { readonly contains: string }
  | { readonly document: string }
  | { readonly url: string };

/**
 * Recognises what somebody typed: an address as visitors see it, a document as `Order 66f0…` or
 * `Order/66f0…`, a path of a sync dir, or else a part of a name.
 */
export function readFileQuery(
  typed: string,
  known: { models: readonly string[]; syncDirs: readonly string[] },
): TypedQuery | undefined {
  const text = typed.trim();
  if (text === '') return undefined;
  if (/^https?:\/\//i.test(text) || text.startsWith('/')) return { url: text };
  const [, word = '', id = ''] = /^(\S+?)(?:\s+#?|\/)(\S+)$/.exec(text) ?? [];
  const model = known.models.find((name) => name.toLowerCase() === word.toLowerCase());
  if (model !== undefined && id !== '') return { document: `${model}/${id}` };
  const isPath = known.syncDirs.some((dir) => text.startsWith(`${dir}/`));
  return isPath && !text.endsWith('/') ? { path: text } : { contains: text };
}
