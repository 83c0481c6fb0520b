/** A string of a document and the field that holds it. */
export interface NamedString { readonly value: string; readonly field: string }

/** `complete` is false where a limit ended the walk. */
export interface DocumentStrings { readonly strings: readonly NamedString[]; readonly complete: boolean }

const maxStrings = 1_000;
const maxDepth = 32;

/** Every string in a plain object, at most 1,000; arrays, Maps and nested objects are walked, 32 levels deep. */
export function collectStrings(document: unknown): DocumentStrings {
  const walk = new Walk();
  walk.visit(document, '', 0);
  return walk;
}

/** The strings at dotted field names; arrays on the way and at the end are walked, with or without an index in the name. */
export function collectFields(document: unknown, fields: readonly string[]): DocumentStrings {
  const walk = new Walk();
  for (const field of fields) walk.descend(document, field.split('.'), field, 0);
  return walk;
}

class Walk implements DocumentStrings {
  readonly strings: NamedString[] = [];
  complete = true;
  private readonly ancestors = new Set<object>();

  visit(value: unknown, field: string, depth: number): void {
    if (typeof value === 'string') {
      this.add(value, field);
      return;
    }
    const children = listChildren(value);
    if (children === undefined || this.ancestors.has(value as object) || !this.complete) return;
    if (depth === maxDepth) {
      this.complete = false;
      return;
    }
    this.ancestors.add(value as object);
    for (const [name, child] of children) this.visit(child, field === '' ? name : `${field}.${name}`, depth + 1);
    this.ancestors.delete(value as object);
  }

  descend(value: unknown, names: readonly string[], field: string, depth: number): void {
    const [name, ...rest] = names;
    if (depth > maxDepth) {
      this.complete = false;
    } else if (name === undefined) {
      this.visit(value, field, 0);
    } else if (Array.isArray(value) && !/^\d+$/.test(name)) {
      for (const item of value as unknown[]) this.descend(item, names, field, depth + 1);
    } else if (value instanceof Map) {
      this.descend(value.get(name), rest, field, depth + 1);
    } else if (typeof value === 'object' && value !== null && Object.hasOwn(value, name)) {
      this.descend((value as Record<string, unknown>)[name], rest, field, depth + 1);
    }
  }

  private add(value: string, field: string): void {
    if (this.strings.length < maxStrings) this.strings.push({ value, field });
    else this.complete = false;
  }
}

/** Of arrays, Maps and plain objects; undefined for everything else (dates, buffers, ObjectIds …). */
function listChildren(value: unknown): Iterable<[string, unknown]> | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (Array.isArray(value)) return (value as unknown[]).map((item, index) => [String(index), item]);
  if (value instanceof Map) return [...value].map(([name, item]) => [String(name), item]);
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? Object.entries(value) : undefined;
}
