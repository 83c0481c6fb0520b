import { isSubdocument, type PlainDocument } from './capturing.js';

/** Deeper than MongoDB stores. */
const maxDepth = 200;

/**
 * A document as the database stores it: without getters, virtuals and transforms, which may hide
 * or invent paths, and with ids in place of populated documents. None of the app's code runs, not
 * even its own `toObject`. Plain objects are returned as they are.
 */
export function toPlainObject(document: object): PlainDocument {
  const fields = readFields(document);
  return (fields ? copyFields(fields, 0) : document) as PlainDocument;
}

/** The fields of a Mongoose document. Undefined for other values. */
function readFields(value: object): object | undefined {
  if (!('$__' in value && '_doc' in value)) return undefined;
  const fields = value._doc;
  return typeof fields === 'object' && fields !== null ? fields : undefined;
}

function copyFields(fields: object, depth: number): PlainDocument {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, copyValue(value, depth + 1)]),
  );
}

function copyValue(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null || depth > maxDepth) return value;
  if (Array.isArray(value)) return value.map((item) => copyValue(item, depth + 1));
  if (value instanceof Map)
    return Object.fromEntries(
      [...(value as Map<unknown, unknown>)].map(([name, item]) => [
        String(name),
        copyValue(item, depth + 1),
      ]),
    );
  const fields = readFields(value);
  if (fields)
    return isSubdocument(value) ? copyFields(fields, depth) : (fields as PlainDocument)['_id'];
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? copyFields(value, depth) : value;
}
