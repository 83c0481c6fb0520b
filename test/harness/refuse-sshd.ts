// Loaded for every test file that is not in the project `sshd`. The file fails when it or a process
// of it starts an sshd: scripts/test-groups.mjs has then not seen that it needs one.
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { makeTestDir, type TestDir } from './tmp.js';

const rule =
  'this file starts an sshd, and its imports do not show it: import test/harness/sshd.ts, or name ' +
  "the program that starts one by new URL('…', import.meta.url)";

let trap: TestDir, path: string | undefined;

// The first sshd on the PATH is the one that is started, by any process.
beforeAll(async () => {
  trap = await makeTestDir();
  await chmod(trap.path, 0o755);
  const started = join(trap.path, 'started');
  const script = `#!/bin/sh\necho "$*" >> '${started}'\necho "${rule.replaceAll('"', '')}" >&2\nexit 1\n`;
  await writeFile(join(trap.path, 'sshd'), script, { mode: 0o755 });
  await writeFile(started, '');
  await chmod(started, 0o666);
  path = process.env.PATH;
  process.env.PATH = [trap.path, path].join(delimiter);
});

afterAll(async () => {
  const started = await readFile(join(trap.path, 'started'), 'utf8');
  process.env.PATH = path;
  await trap.remove();
  if (started !== '') throw new Error(`${rule}\n${started}`);
});
