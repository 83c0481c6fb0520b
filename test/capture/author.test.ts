import { expect, test } from 'vitest';
import { getAuthor, runAsAuthor } from '../../src/capture/author.js';

test('work knows its author, also after it waited', async () => {
  const author = await runAsAuthor('Ada', async () => {
    await Promise.resolve();
    return getAuthor();
  });
  expect(author).toBe('Ada');
  expect(getAuthor()).toBeUndefined();
});

test.each([null, undefined])('the name of nobody (%j) names no author', (author) => {
  expect(runAsAuthor('Ada', () => runAsAuthor(author, getAuthor))).toBeUndefined();
});

test.each([7, { name: 'Ada' }])(
  'an author that is no text, such as %j, is refused before anything is saved with it',
  (author) => {
    const saved: string[] = [];
    expect(() => runAsAuthor(author as never, () => saved.push('x'))).toThrow(
      expect.objectContaining({ code: 'BAD_OPTION' }),
    );
    expect(saved).toEqual([]);
  },
);

test('a very long name is cut off', () => {
  expect(runAsAuthor('x'.repeat(5_000), getAuthor)).toHaveLength(200);
});
