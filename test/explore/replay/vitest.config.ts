import { defineConfig } from 'vitest/config';
import base from '../../../vitest.config.js';

/** `npm run test:replay`: every walk with real files, some minutes long. */
export default defineConfig({
  test: { ...base.test, include: ['test/explore/replay/**/*.replay.ts'], maxWorkers: 1 },
});
