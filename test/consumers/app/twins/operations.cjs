// The operations that twins carry out. Each gets the model, and `at`: documents, ids, what else differs between with and without a connection.
const { ids } = require('./seed.cjs');

const [one, two, three] = ids;
const nobody = 'aaaaaaaaaaaaaaaaaaaaaaaa';

const documents = {
  'save a new document': async (M, at) => at.watch(new M({ file: 'a.jpg', name: 'n', tags: ['x'] })).save(),
  'save an invalid document': async (M, at) => at.watch(new M({ count: -1, slug: 'much too long' })).save(),
  'save a document that cannot be cast': async (M, at) => at.watch(new M({ count: 'many', at: 'never' })).save(),
  'save without validation': async (M, at) => at.watch(new M({ count: -1, file: 'a.jpg' })).save({ validateBeforeSave: false }),
  'save a duplicate': async (M, at) => at.watch(new M({ slug: 'one', file: 'b.jpg' })).save(),
  'save one that has an id': async (M, at) => at.watch(new M({ _id: one, file: 'b.jpg' })).save(),
  'save a changed document': async (M, at) => at.watch((await at.load(M, one)).set({ file: 'b.jpg', 'items.0.file': 'c.jpg' })).save(),
  'save an unchanged document': async (M, at) => at.watch(await at.load(M, one)).save(),
  'save an invalid change': async (M, at) => at.watch((await at.load(M, one)).set({ count: -5 })).save(),
  'save arrays and maps': async (M, at) => {
    const document = at.watch(await at.load(M, two));
    document.tags.push('y');
    document.items.push({ file: 'd.jpg', n: 3 });
    document.set('map', { k: 'a.jpg' });
    document.markModified('any');
    return document.save();
  },
  'save a document that is gone': async (M, at) => at.watch(M.hydrate({ _id: nobody, file: 'x' }).set({ file: 'b.jpg' })).save(),
  'save an outdated version': async (M, at) => {
    const document = at.watch(M.hydrate({ _id: two, __v: 77, tags: ['p', 'q'] }));
    document.set('tags', ['only']);
    return document.save();
  },
  'save with pathsToSave': async (M, at) => at.watch((await at.load(M, one)).set({ file: 'b.jpg', name: 'z' })).save({ pathsToSave: ['name'] }),
  'save with middleware off': async (M, at) => at.watch(new M({ file: 'a.jpg' })).save({ middleware: false }),
  'save twice at once': async (M, at) => {
    const document = at.watch(new M({ file: 'a.jpg' }));
    return Promise.allSettled([document.save(), document.save()]);
  },
  'save again': async (M, at) => {
    const document = at.watch(new M({ file: 'a.jpg' }));
    await document.save();
    document.set('file', 'b.jpg');
    return document.save();
  },
  'save with a callback': async (M) => new M({}).save(() => undefined),
  'save with options that are no object': async (M) => new M({ file: 'a.jpg' }).save(null),
  'create one': async (M) => M.create({ file: 'a.jpg' }),
  'create several': async (M) => M.create([{ file: 'a.jpg' }, { file: 'b.jpg' }], { ordered: true }),
  'create an invalid one among several': async (M) => M.create([{ file: 'a.jpg' }, { count: 'x' }]),
  'create with aggregateErrors': async (M) => M.create([{ file: 'a.jpg' }, { count: 'x' }], { aggregateErrors: true }),
  'create nothing': async (M) => M.create([]),
  'create null': async (M) => M.create(null),
  insertOne: async (M) => (typeof M.insertOne === 'function' ? M.insertOne({ file: 'a.jpg' }) : 'none'),
  'document.updateOne': async (M, at) => (await at.load(M, one)).updateOne({ file: 'b.jpg' }),
  'document.updateOne that cannot be cast': async (M, at) => (await at.load(M, one)).updateOne({ count: 'many' }),
  'document.deleteOne': async (M, at) => at.watch(await at.load(M, one)).deleteOne(),
  'document.replaceOne': async (M, at) => (await at.load(M, one)).replaceOne({ file: 'b.jpg' }),
};

const filters = { one: { _id: String(one) }, named: { name: 'first' }, all: {}, none: { name: 'nobody' }, bad: { count: 'many' }, operator: { count: { $gte: 'x' } } };
const updates = {
  set: { file: 'b.jpg' }, setter: { name: 'changed' }, operators: { $set: { file: 'c.jpg' }, $push: { tags: 'z' }, $inc: { count: 1 } },
  uncastable: { count: 'many' }, invalid: { count: -1 }, unknown: { nothing: 'like this' }, immutable: { fixed: 'other' }, empty: {}, nested: { 'items.0.file': 'd.jpg' },
  duplicate: { slug: 'two' }, alias: { title: 'aliased' }, upside: { $set: { count: { $nonsense: 1 } } },
};

const queries = {};
for (const name of ['updateOne', 'updateMany', 'findOneAndUpdate']) {
  for (const [what, filter] of Object.entries(filters)) queries[`${name} where ${what}`] = async (M) => M[name]({ ...filter }, { file: 'b.jpg' });
  for (const [what, update] of Object.entries(updates)) queries[`${name} to ${what}`] = async (M) => M[name]({ _id: one }, structuredClone(update));
  queries[`${name} with validators`] = async (M) => M[name]({ _id: one }, { count: -1 }, { runValidators: true });
  queries[`${name} as an upsert`] = async (M) => M[name]({ name: 'new' }, { file: 'b.jpg' }, { upsert: true, setDefaultsOnInsert: true });
  queries[`${name} with a pipeline`] = async (M) => M[name]({ _id: one }, [{ $set: { file: 'e.jpg' } }], { updatePipeline: true });
  queries[`${name} with orFail`] = async (M) => M[name]({ name: 'nobody' }, { file: 'b.jpg' }).orFail();
  queries[`${name} without an update`] = async (M) => M[name]({ _id: one });
  queries[`${name} with null`] = async (M) => M[name](null, null);
  queries[`${name} with a filter that is no object`] = async (M) => M[name]('text', { file: 'b.jpg' });
  queries[`${name} with strict`] = async (M) => M[name]({ _id: one }, { nothing: 1 }, { strict: 'throw' });
  queries[`${name} by an alias`] = async (M) => M[name]({ title: 'first' }, { title: 'b' }, { translateAliases: true });
  queries[`${name} of an array element`] = async (M) => M[name]({ _id: two, 'items.file': 'b.jpg' }, { $set: { 'items.$[i].file': 'f.jpg' } }, { arrayFilters: [{ 'i.n': { $gte: 0 } }] });
  queries[`${name} with middleware off`] = async (M) => M[name]({ _id: one }, { file: 'b.jpg' }, { middleware: false });
  queries[`${name} with a hint that is no index`] = async (M) => M[name]({ _id: one }, { file: 'b.jpg' }, { hint: 'nothing' });
}
for (const name of ['replaceOne', 'findOneAndReplace']) {
  queries[name] = async (M) => M[name]({ _id: one }, { file: 'b.jpg', name: 'r' });
  queries[`${name} that cannot be cast`] = async (M) => M[name]({ _id: one }, { count: 'many' });
  queries[`${name} of nobody`] = async (M) => M[name]({ name: 'nobody' }, { file: 'b.jpg' });
  queries[`${name} as an upsert`] = async (M) => M[name]({ name: 'new' }, { file: 'b.jpg' }, { upsert: true });
  queries[`${name} where bad`] = async (M) => M[name]({ at: 'never' }, { file: 'b.jpg' });
}
for (const name of ['deleteOne', 'deleteMany', 'findOneAndDelete']) {
  for (const [what, filter] of Object.entries(filters)) queries[`${name} where ${what}`] = async (M) => M[name]({ ...filter });
  queries[`${name} with null`] = async (M) => M[name](null);
  queries[`${name} with orFail`] = async (M) => M[name]({ name: 'nobody' }).orFail();
}
Object.assign(queries, {
  'findByIdAndUpdate with an id that is none': async (M) => M.findByIdAndUpdate('none', { file: 'b.jpg' }),
  'findByIdAndDelete': async (M) => M.findByIdAndDelete(String(two)),
  'findOneAndUpdate, lean': async (M) => M.findOneAndUpdate({ _id: one }, { file: 'b.jpg' }, { returnDocument: 'after' }).lean(),
  'findOneAndUpdate, projected': async (M) => M.findOneAndUpdate({ _id: one }, { file: 'b.jpg' }, { projection: { _id: 0, name: 1 }, returnDocument: 'after' }),
  'findOneAndUpdate with metadata': async (M) => M.findOneAndUpdate({ _id: one }, { file: 'b.jpg' }, { includeResultMetadata: true }),
  'findOneAndUpdate, sorted': async (M) => M.findOneAndUpdate({}, { file: 'b.jpg' }, { sort: { name: -1 }, returnDocument: 'after' }),
  'findOneAndUpdate whose transform throws': async (M) => M.findOneAndUpdate({ _id: one }, { file: 'b.jpg' }).transform(() => { throw new RangeError('transformed'); }),
  'a query that is run twice': async (M) => {
    const query = M.updateOne({ _id: one }, { file: 'b.jpg' });
    await query;
    return query;
  },
  'a query and its clone': async (M) => {
    const query = M.updateOne({ _id: one }, { $inc: { count: 1 } });
    await query;
    return [await query.clone(), await query.clone()];
  },
  'an update that is explained': async (M, at) => (at.offline ? M.updateOne({ _id: one }, { file: 'b.jpg' }).explain() : Object.keys(await M.updateOne({ _id: one }, { file: 'b.jpg' }).explain()).length > 0),
  'an update that is not acknowledged': async (M) => M.updateOne({ _id: three }, { name: 'unheard' }, { writeConcern: { w: 0 } }),
  'an update built by find': async (M) => M.find({ _id: one }).updateOne({ file: 'b.jpg' }),
  'find': async (M) => M.find({ name: 'first' }),
  'countDocuments': async (M) => M.countDocuments({}),
  'a callback': async (M) => M.updateOne({ _id: one }, { file: 'b.jpg' }, {}, () => undefined),
});

const insertOp = { insertOne: { document: { file: 'a.jpg', name: 'bulk' } } };
const updateOp = { updateOne: { filter: { _id: String(one), name: 'first' }, update: { file: 'b.jpg', name: 'b' } } };
const badOp = { updateOne: { filter: { _id: one }, update: { count: 'many' } } };
const duplicateOp = { insertOne: { document: { slug: 'one' } } };

/** Each is given to both twins as a fresh copy. */
const bulks = {
  'nothing': [], 'an insert': [insertOp], 'an update': [updateOp], 'many kinds': [
    insertOp, updateOp, { updateMany: { filter: { flag: false }, update: { $set: { file: 'c.jpg' } } } },
    { replaceOne: { filter: { _id: two }, replacement: { file: 'd.jpg' } } }, { deleteOne: { filter: { name: 'third' } } }, { deleteMany: { filter: { name: 'nobody' } } },
  ], 'one that cannot be cast': [insertOp, badOp], 'a duplicate': [insertOp, duplicateOp, updateOp], 'a duplicate first': [duplicateOp, insertOp],
  'an upsert': [{ updateOne: { filter: { name: 'new' }, update: { file: 'b.jpg' }, upsert: true } }], 'an invalid insert': [{ insertOne: { document: { count: -1 } } }],
  'nonsense': [{ nonsense: {} }], 'null among them': [insertOp, null], 'an update without one': [{ updateOne: { filter: {} } }], 'text': 'text', 'null': null, 'no array': { insertOne: {} },
  'deletes alone': [{ deleteMany: { filter: {} } }], 'a filter that cannot be cast': [{ deleteOne: { filter: { count: 'many' } } }],
};
const bulkOptions = { none: undefined, null: null, unordered: { ordered: false }, throwing: { ordered: false, throwOnValidationError: true }, strict: { strict: 'throw' }, raw: { skipValidation: true } };
const inserts = {
  'one': { file: 'a.jpg' }, 'two': [{ file: 'a.jpg', name: 'i' }, { file: 'b.jpg' }], 'nothing': [], 'an invalid one': [{ file: 'a.jpg' }, { count: -1 }], 'one that cannot be cast': [{ count: 'many' }],
  'a duplicate': [{ file: 'a.jpg' }, { slug: 'one' }, { file: 'c.jpg' }], 'text': 'text', 'null': null, 'nulls': [null, { file: 'a.jpg' }], 'undefined': undefined,
};
const insertOptions = { none: undefined, null: null, unordered: { ordered: false }, raw: { rawResult: true }, 'raw and unordered': { rawResult: true, ordered: false }, lean: { lean: true },
  throwing: { ordered: false, throwOnValidationError: true }, 'middleware off': { middleware: false } };

const statics = {};
for (const [what, ops] of Object.entries(bulks)) {
  for (const [how, options] of Object.entries(bulkOptions)) {
    statics[`bulkWrite of ${what}, ${how}`] = async (M) => M.bulkWrite(structuredClone(ops), options === undefined ? undefined : structuredClone(options));
  }
}
for (const [what, given] of Object.entries(inserts)) {
  for (const [how, options] of Object.entries(insertOptions)) {
    statics[`insertMany of ${what}, ${how}`] = async (M) => M.insertMany(structuredClone(given), structuredClone(options));
  }
}
Object.assign(statics, {
  'bulkWrite with a callback': async (M) => M.bulkWrite([], {}, () => undefined),
  'bulkWrite of what the app keeps': async (M) => {
    const ops = structuredClone([updateOp, insertOp]);
    const options = { ordered: true };
    await M.bulkWrite(ops, options);
    return { ops: ops.map((op) => Object.keys(op)), options };
  },
  'insertMany with a third argument': (M) => M.insertMany([], {}, 'third'),
  'bulkWrite with a third argument': (M) => M.bulkWrite([], {}, 'third'),
  'bulkSave with a third argument': (M) => M.bulkSave([], {}, 'third'),
  'insertMany of documents': async (M, at) => M.insertMany([at.watch(new M({ file: 'a.jpg' })), at.watch(new M({ file: 'b.jpg' }))]),
  'bulkSave of new documents': async (M, at) => M.bulkSave([at.watch(new M({ file: 'a.jpg' })), at.watch(new M({ file: 'b.jpg' }))]),
  'bulkSave of an invalid document': async (M, at) => M.bulkSave([at.watch(new M({ file: 'a.jpg' })), at.watch(new M({ count: -1 }))]),
  'bulkSave of a duplicate': async (M, at) => M.bulkSave([at.watch(new M({ file: 'a.jpg' })), at.watch(new M({ slug: 'one' }))]),
  'bulkSave of a duplicate, unordered': async (M, at) => M.bulkSave([at.watch(new M({ slug: 'one' })), at.watch(new M({ file: 'a.jpg' }))], { ordered: false }),
  'bulkSave of changes': async (M, at) => M.bulkSave([at.watch((await at.load(M, one)).set('file', 'b.jpg')), at.watch(await at.load(M, two))]),
  'bulkSave of unchanged documents': async (M, at) => M.bulkSave([at.watch(await at.load(M, one))]),
  'bulkSave of one that is gone': async (M, at) => M.bulkSave([at.watch(M.hydrate({ _id: nobody }).set('file', 'b.jpg'))]),
  'bulkSave of nothing': async (M) => M.bulkSave([]),
  'bulkSave of null': async (M) => M.bulkSave(null),
  'bulkSave of plain objects': async (M) => M.bulkSave([{ file: 'a.jpg' }]),
  'bulkSave with null': async (M, at) => M.bulkSave([at.watch(new M({ file: 'a.jpg' }))], null),
});

const inTransactions = {
  'a transaction': async (M, at) => at.transact(async (session) => {
    await M.create([{ file: 'a.jpg' }], { session });
    await M.updateOne({ _id: one }, { file: 'b.jpg' }, { session });
    await M.insertMany([{ file: 'c.jpg' }], { session });
    await M.bulkWrite(structuredClone([insertOp]), { session });
    await M.deleteOne({ _id: two }).session(session);
  }),
  'a transaction that is aborted': async (M, at) => at.transact(async (session) => {
    await M.create([{ file: 'a.jpg' }], { session });
    throw new TypeError('aborted by the app');
  }),
  'a duplicate in a transaction': async (M, at) => at.transact(async (session) => { await M.insertMany([{ slug: 'one' }], { session }); }),
};

/** What does not go by the name of an operation: how the model and the connection look. */
const looks = {
  'the names of the collections': (M, at) => Object.keys(M.db.collections).filter((name) => at.isOwn(name)),
  'the functions of the model': (M) => ['insertMany', 'bulkWrite', 'create', 'updateOne'].map((name) => [M[name].name, M[name].length]),
  'the collection of the model': (M) => M.collection === M.db.collection(M.collection.name),
  'createCollection': async (M, at) => (at.offline ? 'offline' : (await M.createCollection()).name),
};

exports.operations = { ...documents, ...queries, ...statics, ...inTransactions, ...looks };
