// Loaded for every test file by vitest.config.ts.
import { afterAll } from 'vitest';
import { clearLeftovers, processMark } from './leftovers.js';

processMark(); // Before the file starts anything.

afterAll(async () => {
  const left = await clearLeftovers();
  if (left.length > 0) throw new Error(`this file leaves behind:\n  ${left.join('\n  ')}`);
}, 20_000);
