import { defineConfig } from 'vitest/config';
import { shared } from '../../vitest.config.js';

/** `npm run test:containers`: the example for compose, in containers of podman. */
export default defineConfig({
  test: {
    ...shared,
    include: ['test/containers/**/*.containers.ts'],
    maxWorkers: 1,
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
