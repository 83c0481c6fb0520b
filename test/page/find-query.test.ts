import { describe, expect, test } from 'vitest';
import { readFileQuery } from '../../src/page/find-query.js';

const known = { models: ['Order', 'Photo'], syncDirs: ['uploads/photos'] };

describe('what somebody types to find a file', () => {
  test.each([
    ['https://shop.example/uploads/a.jpg', { url: 'https://shop.example/uploads/a.jpg' }],
    ['/uploads/photos/a.jpg?v=2', { url: '/uploads/photos/a.jpg?v=2' }],
    ['uploads/photos/a.jpg', { path: 'uploads/photos/a.jpg' }],
    ['uploads/photos/', { contains: 'uploads/photos/' }],
    ['Order 4711', { document: 'Order/4711' }],
    ['order #4711', { document: 'Order/4711' }],
    ['Photo/66f0c2', { document: 'Photo/66f0c2' }],
    ['Invoice 4711', { contains: 'Invoice 4711' }],
    [' label.pdf ', { contains: 'label.pdf' }],
    ['   ', undefined],
  ])('%s', (typed, query) => {
    expect(readFileQuery(typed, known)).toEqual(query);
  });
});
