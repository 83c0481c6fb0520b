import fc from 'fast-check';

/** What a field of a row may hold although it should hold something else. */
export const strangeValue = fc.oneof(
  fc.anything({ withDate: true, maxDepth: 2, maxKeys: 3, withNullPrototype: false }),
  fc.constantFrom<unknown>(
    null, '', 'x', '../../etc/passwd', -1, 1.5, NaN, Infinity, 2 ** 60, true, [], {}, [[]], [null], { '%': 1 }, { '%E0%A4%A': {} }, { $gt: '' }, { '': null }, { a: null },
    new Date(NaN), new Date(8.64e15), { then: 1 }, { __proto__x: 1 },
  ),
);
