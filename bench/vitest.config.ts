import { defineConfig } from 'vitest/config';
import { shared } from '../vitest.config.js';

/**
 * `npm run bench`, or `npm run bench -- serving`: on the same database and sshd as the tests, one
 * file at a time.
 */
export default defineConfig({
  test: {
    ...shared,
    include: ['bench/**/*.bench.ts'],
    maxWorkers: 1,
    testTimeout: 300_000,
    hookTimeout: 120_000,
  },
});
