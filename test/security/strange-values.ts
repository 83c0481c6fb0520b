import fc from 'fast-check';
import { mongo } from 'mongoose';

/** What a field of a row may hold although it should hold something else. */
export const strangeValue = fc.oneof(
  fc.anything({ withDate: true, maxDepth: 2, maxKeys: 3, withNullPrototype: false }),
  fc.constantFrom<unknown>(
    null, '', 'x', '../../etc/passwd', -1, 1.5, NaN, Infinity, 2 ** 60, true, [], {}, [[]], [null], { '%': 1 }, { '%E0%A4%A': {} }, { $gt: '' }, { '': null }, { a: null },
    new Date(NaN), new Date(8.64e15), { then: 1 }, { __proto__x: 1 },
  ),
);

/** What the id of a row may be although it should be a text of some kind. */
export const strangeIds: readonly unknown[] = [
  5, NaN, true, null, {}, { a: 1 }, { a: { $gt: '' } }, new Date(0), new mongo.ObjectId(), new mongo.UUID(), new mongo.Binary(Buffer.from('x')), new mongo.Long(0, 5),
  mongo.Decimal128.fromString('1'), new mongo.MinKey(), new mongo.MaxKey(), new mongo.Timestamp(1n), new mongo.Code('x'), new mongo.BSONSymbol('uploads/photos'),
  '', '/', '../x', '__proto__', 'constructor', 'x'.repeat(900), 'uploads/photos/\0x', 'uploads/photos/../../x', 'uploads/photos/a\nb',
];
