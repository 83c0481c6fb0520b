// What a plugin must not do: each of these once made a plugged model differ. The comparison has to find them.
exports.faulty = (schema) => {
  schema.pre('updateOne', async function () {
    // Runs setters once more, and waits for a connection before the application's own update is cast.
    this.clone().cast(this.model, { name: 'looked for' });
    await this.model.collection.findOne({});
  });
  schema.static('bulkWrite', function (operations, options = {}) {
    return this.base.Model.bulkWrite.call(this, operations, { ordered: options.ordered });
  });
  schema.static('insertMany', async function (documents) { return this.base.Model.insertMany.call(this, documents); });
  schema.pre('save', function () { this.toObject(); });
};
