// The schemas that twins are compiled from. Each maker gets a schema that knows nothing of syncmedia, and adds what makes it special.
const seen = (calls, what) => (value) => {
  calls.push(`${what} ${String(value)}`);
  return value;
};

/** What every schema has: casts, setters, validators, arrays, an immutable field, a unique one, an alias. */
function makeBase(mongoose, calls, options = {}) {
  const { Schema } = mongoose;
  return new Schema(
    {
      file: String,
      name: { type: String, set: seen(calls, 'set name'), alias: 'title' },
      count: { type: Number, min: 0 },
      slug: { type: String, unique: true, sparse: true, maxlength: 5 },
      at: Date,
      tags: [String],
      items: [new Schema({ file: String, n: { type: Number, max: 9 } }, { _id: false })],
      fixed: { type: String, immutable: true },
      any: Schema.Types.Mixed,
      map: { type: Map, of: String },
      flag: { type: Boolean, default: false },
    },
    { timestamps: true, optimisticConcurrency: false, autoIndex: false, autoCreate: false, ...options },
  );
}

const documentHooks = ['validate', 'save', 'init'];
const queryHooks = ['updateOne', 'updateMany', 'replaceOne', 'findOneAndUpdate', 'findOneAndReplace', 'deleteOne', 'deleteMany', 'findOneAndDelete', 'find', 'findOne'];
const modelHooks = ['insertMany', 'bulkWrite'];

function addHooks(schema, calls, when) {
  for (const name of [...documentHooks.slice(0, 2), ...queryHooks, ...modelHooks]) {
    schema.pre(name, async function () {
      calls.push(`pre ${name} ${when} of ${this.modelName ?? this.constructor.modelName ?? this.constructor.name}`);
    });
    schema.post(name, async function () { calls.push(`post ${name} ${when}`); });
    schema.post(name, function (error, _result, next) {
      calls.push(`error of ${name} ${when}: ${error.name}`);
      next(error);
    });
  }
}

function throwIn(schema, kind) {
  for (const name of ['save', ...queryHooks.slice(0, 8), ...modelHooks]) {
    schema[kind](name, async () => { throw new TypeError(`${kind} ${name} refuses`); });
  }
}

/** name → (mongoose, calls, plug) => schema; `plug` is called where the plugin would be added, and does nothing for the bare twin. */
exports.schemas = {
  plain(mongoose, calls, plug) { return plug(makeBase(mongoose, calls)); },

  propagating(mongoose, calls, plug) { return plug(makeBase(mongoose, calls), { onDelete: 'propagate' }); },

  pathed(mongoose, calls, plug) { return plug(makeBase(mongoose, calls, { timestamps: false, strict: 'throw' }), { onDelete: 'propagate', paths: ['file', 'items.file'] }); },

  hooked(mongoose, calls, plug) {
    const schema = makeBase(mongoose, calls);
    addHooks(schema, calls, 'early');
    plug(schema, { onDelete: 'propagate' });
    addHooks(schema, calls, 'late');
    return schema;
  },

  refusingBefore(mongoose, calls, plug) {
    const schema = plug(makeBase(mongoose, calls), { onDelete: 'propagate' });
    throwIn(schema, 'pre');
    return schema;
  },

  refusingAfter(mongoose, calls, plug) {
    const schema = makeBase(mongoose, calls);
    throwIn(schema, 'post');
    return plug(schema);
  },

  unbuffered(mongoose, calls, plug) { return plug(makeBase(mongoose, calls, { bufferCommands: false }), { onDelete: 'propagate' }); },

  impatient(mongoose, calls, plug) { return plug(makeBase(mongoose, calls, { bufferTimeoutMS: 250 }), { onDelete: 'propagate' }); },

  versioned(mongoose, calls, plug) { return plug(makeBase(mongoose, calls, { optimisticConcurrency: true, minimize: false }), { rescan: false }); },

  withStatics(mongoose, calls, plug) {
    const schema = makeBase(mongoose, calls);
    for (const name of ['insertMany', 'bulkWrite', 'bulkSave']) {
      // Neither a promise, nor with the arguments of the method that it replaces.
      schema.static(name, function (...args) {
        calls.push(`static ${name} of ${this.modelName} with ${args.length}`);
        return { own: name, third: args[2] };
      });
    }
    return plug(schema);
  },

  wrappedStatics(mongoose, calls, plug) {
    const schema = makeBase(mongoose, calls);
    for (const name of ['insertMany', 'bulkWrite', 'bulkSave']) {
      schema.static(name, function (given, options, third) {
        calls.push(`static ${name} with ${String(third)}`);
        return mongoose.Model[name].call(this, given, options);
      });
    }
    return plug(schema, { onDelete: 'propagate' });
  },

  throwingToObject(mongoose, calls, plug) {
    const schema = makeBase(mongoose, calls);
    schema.method('toObject', () => { throw new Error('not for you'); }, { suppressWarning: true });
    return plug(schema, { onDelete: 'propagate' });
  },
};
