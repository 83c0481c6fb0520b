import { types } from 'node:util';

const { isDate, isRegExp } = types;

/** A string of a document and the field that holds it. */
export interface FieldString {
  readonly value: string;
  readonly field: string;
}

/** `complete` is false if a limit ended the walk. */
export interface DocumentStrings {
  readonly strings: readonly FieldString[];
  readonly complete: boolean;
}

/** Where a walk through a document ends. */
export interface WalkLimits {
  readonly strings: number;
  readonly depth: number;
}

/**
 * An operation waits for these walks. The scan of the sync dirs finds files that are named beyond
 * the limits.
 */
export const operationLimits: WalkLimits = { strings: 1_000, depth: 32 };

/**
 * Stored documents are walked completely. MongoDB limits their size to 16 MiB and their depth to
 * 180 levels.
 */
export const storedLimits: WalkLimits = { strings: Infinity, depth: Infinity };

/**
 * Every string of a document as BSON would store it. Arrays, Maps and nested objects are walked.
 */
export function collectStrings(document: unknown, limits = operationLimits): DocumentStrings {
  const walk = new StringWalk(limits);
  walk.visit(document, '', 0);
  return walk;
}

/**
 * The strings at dotted field names. Arrays on the way and at the end are walked, with or without
 * an index in the name.
 */
export function collectFields(
  document: unknown,
  fields: readonly string[],
  limits = operationLimits,
): DocumentStrings {
  const walk = new StringWalk(limits);
  for (const field of fields) walk.descend(document, field.split('.'), field, 0);
  return walk;
}

class StringWalk implements DocumentStrings {
  readonly strings: FieldString[] = [];
  complete = true;
  private readonly ancestors = new Set<object>();

  constructor(private readonly limits: WalkLimits) {}

  visit(given: unknown, field: string, depth: number): void {
    const value = toStoredValue(given);
    if (typeof value === 'string') {
      this.add(value, field);
      return;
    }
    const children = listChildren(value);
    if (children === undefined || this.ancestors.has(value as object) || !this.complete) return;
    if (depth >= this.limits.depth) {
      this.complete = false;
      return;
    }
    this.ancestors.add(value as object);
    for (const [name, child] of children)
      this.visit(child, field === '' ? name : `${field}.${name}`, depth + 1);
    this.ancestors.delete(value as object);
  }

  descend(given: unknown, names: readonly string[], field: string, depth: number): void {
    const [name, ...rest] = names,
      value = toStoredValue(given);
    if (depth > this.limits.depth) {
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
    if (this.strings.length < this.limits.strings) this.strings.push({ value, field });
    else this.complete = false;
  }
}

/** The value that the driver would store, as `toBSON` of the given one returns it. */
function toStoredValue(value: unknown): unknown {
  const { toBSON } = (typeof value === 'object' && value !== null ? value : {}) as {
    toBSON?: unknown;
  };
  return typeof toBSON === 'function' ? (toBSON as () => unknown).call(value) : value;
}

/**
 * The children of a value that BSON stores as an array or object, including instances of classes.
 * Undefined for all other values (dates, buffers, ObjectIds …).
 */
function listChildren(value: unknown): Iterable<[string, unknown]> | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (Array.isArray(value)) return (value as unknown[]).map((item, index) => [String(index), item]);
  if (value instanceof Map) return [...value].map(([name, item]) => [String(name), item]);
  return '_bsontype' in value || isDate(value) || isRegExp(value) || ArrayBuffer.isView(value)
    ? undefined
    : Object.entries(value);
}
