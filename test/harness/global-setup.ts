import type { TestProject } from 'vitest/node';
import { startDatabase } from '../../scripts/database.mjs';
import { embedGate } from '../../scripts/embed-gate.mjs';

declare module 'vitest' {
  interface ProvidedContext {
    database: { uri: string; server: string };
  }
}

/**
 * One database server for the whole run: starting one for each file would cost more than the tests.
 */
export default async function startForAll(project: TestProject): Promise<() => Promise<void>> {
  embedGate();
  const { uri, server, stop } = await startDatabase({
    say: (line) => console.log(`setup: ${line}`),
  });
  console.log(`database: ${server}`);
  project.provide('database', { uri, server });
  return stop;
}
