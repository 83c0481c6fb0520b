import { describe, expect, test } from 'vitest';
import { Decisions } from './decisions.js';
import { findMutation, modelOf, mutations } from './mutations.js';
import { rules } from './rules.js';
import { explore } from './search.js';

/** Exploring ends by itself, at so many states; how long that takes depends on the machine. */
const limitMs = 240_000;

describe('a wrong decision breaks a promise', () => {
  test.each(mutations.filter(({ isSlow }) => !isSlow))(
    '$name: $says',
    (mutation) => {
      const { violations } = findMutation(mutation);
      expect(violations).not.toEqual([]);
      expect(violations[0]?.trace.length).toBeGreaterThan(1);
    },
    limitMs,
  );

  test(
    'with the right one the same events break none',
    () => {
      for (const mutation of mutations.filter(({ name }) =>
        ['acknowledge-without-fence', 'take-over-only-from-gone', 'put-back-over-a-file'].includes(
          name,
        ),
      )) {
        const { options } = modelOf(mutation);
        const { violations } = explore(
          { options, decisions: new Decisions(rules, options) },
          { states: 40_000 },
        );
        expect(violations).toEqual([]);
      }
    },
    limitMs,
  );
});
