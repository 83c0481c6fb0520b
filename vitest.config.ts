import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/harness/global-setup.ts'],
    setupFiles: ['test/harness/check-leftovers.ts'],
    // A process for each file: the harness looks at the file's own process to see what it left
    // running.
    pool: 'forks',
    maxWorkers: 2,
    reporters: ['default', './test/harness/reporter.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
  },
});
