import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { findProgram } from '../../scripts/programs.mjs';
import { makeTestDir } from '../harness/tmp.js';

const run = promisify(execFile);
const manifest = fileURLToPath(new URL('../../examples/kubernetes/site.yaml', import.meta.url));
const packages = await makeTestDir();
afterAll(packages.remove);

/** Why there is no kubernetes-validate; it brings the schemas of Kubernetes with it. */
async function installValidator(): Promise<string | undefined> {
  const pip = (await findProgram('pip3')) ?? (await findProgram('pip'));
  if (pip === undefined) return 'pip is missing';
  return run(
    pip,
    ['install', '--quiet', '--target', packages.path, 'kubernetes-validate==1.37.0'],
    { timeout: 120_000 },
  ).then(
    () => undefined,
    (error: unknown) => `pip cannot install kubernetes-validate: ${String(error).slice(0, 200)}`,
  );
}

/** Returns what the validator has against a manifest, or an empty string. */
async function validate(file: string): Promise<string> {
  const program = join(packages.path, 'bin/kubernetes-validate');
  return run(program, ['--strict', file], {
    env: { ...process.env, PYTHONPATH: packages.path },
    timeout: 60_000,
  }).then(
    () => '',
    (error: unknown) => {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      return `${stdout}${stderr}` || String(error);
    },
  );
}

const missing = await installValidator();

describe.skipIf(missing !== undefined)(
  `examples/kubernetes${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    test('the manifest fits the schemas of Kubernetes, which know a wrong field', async () => {
      expect(await validate(manifest)).toBe('');
      const wrong = join(packages.path, 'wrong.yaml');
      const text = readFileSync(manifest, 'utf8');
      await writeFile(wrong, text.replace('publishNotReadyAddresses', 'publishNotReadyAddress'));
      expect(await validate(wrong)).toContain('publishNotReadyAddress');
    });
  },
);
