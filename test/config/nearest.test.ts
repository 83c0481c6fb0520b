import { describe, expect, test } from 'vitest';
import { describeUnknown, findNearest } from '../../src/config/nearest.js';

describe('findNearest', () => {
  test.each([
    ['syncDir', 'syncDirs'],
    ['exlude', 'exclude'],
    ['SYNCDIRS', 'syncDirs'],
    ['excludes', 'exclude'],
  ])('%s means %s', (name, meant) => {
    expect(findNearest(name, ['syncDirs', 'exclude', 'paths'])).toBe(meant);
  });

  test('guesses nothing that is far off', () => {
    expect(findNearest('colour', ['syncDirs', 'exclude', 'paths'])).toBeUndefined();
    expect(findNearest('', ['syncDirs'])).toBeUndefined();
  });

  test('says both kinds in one line', () => {
    expect(describeUnknown(['path', 'colour'], ['paths'])).toBe(
      '"path" (did you mean "paths"?), "colour"',
    );
  });
});
