// Makes what an operation came to comparable: what is by chance (new ids, dates of now, the twins' names) is named alike.
const { ids } = require('./seed.cjs');

const hidden = new Set(['stack', 'stackTrace', '$clusterTime', 'operationTime', 'electionId', 'opTime', 'signature', 'errorResponse', 'topologyVersion', 'messageFormat', 'session']);
const unify = (text) => text
  .replace(/\b(Bare|Twin)(\w+)/g, 'Model$2').replace(/\b(bare|twin)_(\w+)/g, 'models_$2')
  .replace(/[0-9a-f]{24}/g, (id) => (ids.includes(id) || /^a+$/.test(id) ? id : '<id>')).replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, (date) => describeDate(new Date(date)));
const describeDate = (date) => (Number.isNaN(date.getTime()) ? '<no date>' : date.getUTCFullYear() === 2020 || date.getUTCFullYear() === 1970 ? date.toISOString() : '<now>');

function describe(value, depth = 0, above = []) {
  if (value === undefined) return '<undefined>';
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return value;
  if (typeof value === 'string') return unify(value);
  if (typeof value === 'function') return `<function ${value.name}>`;
  if (typeof value !== 'object') return String(value);
  if (value instanceof Date) return describeDate(value);
  if (value._bsontype === 'ObjectId') return unify(String(value));
  if (depth > 8 || above.includes(value)) return '<deeper>';
  const next = (one) => describe(one, depth + 1, [...above, value]);
  if (Array.isArray(value)) return value.map(next);
  if (value instanceof Map) return { map: [...value].map(next) };
  if (value.$__ !== undefined && value._doc !== undefined) return describeDocument(value, next);
  const kind = value.constructor?.name ?? 'null';
  const own = Object.fromEntries(Object.keys(value).filter((name) => !hidden.has(name)).sort().map((name) => [name, next(value[name])]));
  if (value instanceof Error) return { error: unify(value.name), class: kind, message: unify(value.message), cause: next(value.cause), ...own };
  return kind === 'Object' ? own : { kind: unify(kind), ...own };
}

function describeDocument(document, next) {
  return {
    document: unify(document.constructor.modelName ?? 'subdocument'), isNew: document.isNew, modified: document.modifiedPaths?.() ?? [],
    stored: Object.fromEntries(Object.entries(document._doc).map(([name, value]) => [name, next(value)])),
  };
}

module.exports = { describe };
