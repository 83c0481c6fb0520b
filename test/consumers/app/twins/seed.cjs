const ids = ['64b000000000000000000001', '64b000000000000000000002', '64b000000000000000000003'];
const date = new Date('2020-01-01T00:00:00Z');

/** What both twins begin each operation with, as it is stored. */
function makeSeed(mongoose) {
  const id = (index) => new mongoose.Types.ObjectId(ids[index]);
  return [
    { _id: id(0), __v: 0, name: 'first', file: 'a.jpg', count: 1, slug: 'one', fixed: 'always', flag: false, tags: [], items: [{ file: 'a.jpg', n: 1 }], createdAt: date, updatedAt: date },
    { _id: id(1), __v: 0, name: 'second', file: 'b.jpg', count: 2, slug: 'two', flag: false, tags: ['p', 'q'], items: [{ file: 'b.jpg', n: 2 }], any: { deep: 'c.jpg' }, createdAt: date, updatedAt: date },
    { _id: id(2), __v: 0, name: 'third', count: 3, flag: true, tags: [], items: [], createdAt: date, updatedAt: date },
  ];
}

module.exports = { ids, makeSeed };
