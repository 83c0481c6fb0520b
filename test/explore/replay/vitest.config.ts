import { defineConfig } from 'vitest/config';
import { shared } from '../../../vitest.config.js';

/** `npm run test:replay`: every walk with real files, some minutes long. */
export default defineConfig({
  test: { ...shared, include: ['test/explore/replay/**/*.replay.ts'], maxWorkers: 1 },
});
