import { describe, expect, test } from 'vitest';
import { KeyReader } from '../../src/page/keys.js';

describe('keys of the page', () => {
  test('/ finds, p pauses and ? helps', () => {
    const reader = new KeyReader();
    expect(['/', 'p', '?', 'x'].map((key) => reader.read(key, 0))).toEqual([
      'find',
      'pause',
      'help',
      undefined,
    ]);
  });

  test('g and a letter go to a view', () => {
    const reader = new KeyReader();
    expect(reader.read('g', 0)).toBeUndefined();
    expect(reader.read('r', 400)).toBe('runs');
    expect(reader.read('r', 500)).toBeUndefined();
  });

  test('g is forgotten after a while', () => {
    const reader = new KeyReader();
    reader.read('g', 0);
    expect(reader.read('o', 5_000)).toBeUndefined();
  });
});
