import type { ResolvedPluginOptions } from '../config/plugin-options.js';
import type { PlainDocument } from './capturing.js';
import type { DocumentStrings } from './document-strings.js';
import { toPlainObject } from './plain-object.js';
import { listAnyNames } from './touched-paths.js';

/**
 * The strings of an update, a pipeline, a replacement or a raw document that may name files once
 * they are stored. They lie at the fields of `paths`; otherwise all strings count. A `paths`
 * function cannot be called, because it needs a whole document.
 */
export function listUpdateNames(
  update: unknown,
  { paths }: ResolvedPluginOptions,
): DocumentStrings {
  const plain =
    typeof update === 'object' && update !== null && !Array.isArray(update)
      ? toPlainObject(update)
      : update;
  const { strings, complete } = listAnyNames(plain);
  if (paths === undefined || typeof paths === 'function') return { strings, complete };
  const fields = paths.map(toSchemaPath);
  return {
    strings: strings.filter((string) =>
      fields.some((field) => isAtOrBelow(toSchemaPath(string.field), field)),
    ),
    complete,
  };
}

/**
 * A field name without operators, positional placeholders and indexes:
 * `$push.gallery.$each.0.file` is `gallery.file`.
 */
function toSchemaPath(field: string): string {
  return field
    .split('.')
    .filter((name) => !name.startsWith('$') && !/^\d+$/.test(name))
    .join('.');
}

function isAtOrBelow(path: string, field: string): boolean {
  return path === field || path.startsWith(`${field}.`);
}

/** `stored` with the changes that an update of the document in memory makes. */
export function overlayUpdate(
  stored: PlainDocument,
  memory: PlainDocument,
  update: unknown,
): PlainDocument {
  const merged = { ...stored };
  for (const name of listChangedFields(update)) {
    if (Object.hasOwn(memory, name)) merged[name] = memory[name];
    else delete merged[name];
  }
  return merged;
}

/** The top-level fields that an update's operators name. */
function listChangedFields(update: unknown): Set<string> {
  const operators = Object.values(
    typeof update === 'object' && update !== null ? update : {},
  ) as unknown[];
  const fields = operators.flatMap((operator) =>
    Object.keys(typeof operator === 'object' && operator !== null ? operator : {}),
  );
  return new Set(fields.map((field) => field.split('.', 1)[0] ?? field));
}
