import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { startDatabase } from '../../scripts/database.mjs';
import { embedGate } from '../../scripts/embed-gate.mjs';
import { embedPage } from '../../scripts/embed-page.mjs';

declare module 'vitest' {
  interface ProvidedContext {
    database: { uri: string; server: string };
    /** The directory for what `compileProgram` makes. */
    programs: string;
  }
}

/**
 * One database server for the whole run: starting one for each file would cost more than the tests.
 * Each file makes a database of its own on it.
 */
export default async function startForAll(project: TestProject): Promise<() => Promise<void>> {
  embedGate();
  await embedPage();
  const { uri, server, stop } = await startDatabase({
    say: (line) => console.log(`setup: ${line}`),
  });
  console.log(`database: ${server}`);
  project.provide('database', { uri, server });
  const programs = await mkdtemp(join(tmpdir(), 'syncmedia-programs-'));
  project.provide('programs', programs);
  await writeFile(join(programs, 'package.json'), '{ "type": "module" }\n');
  // What a program imports from packages is found from where it lies.
  const modules = fileURLToPath(new URL('../../node_modules', import.meta.url));
  await symlink(modules, join(programs, 'node_modules'));
  return async () => {
    await rm(programs, { recursive: true, force: true });
    await stop();
  };
}
