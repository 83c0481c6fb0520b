import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { groupTests, longTests } from '../../scripts/test-groups.mjs';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

const run = promisify(execFile);
const project = fileURLToPath(new URL('../..', import.meta.url));

let root: TestDir;
beforeEach(async () => {
  root = await makeTestDir();
});
afterEach(async () => {
  await root.remove();
});

async function write(files: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(root.path, name)), { recursive: true });
    await writeFile(join(root.path, name), text);
  }
}

const harness = {
  'scripts/sshd.mjs': '',
  'test/harness/sshd.ts': "import { findSshd } from '../../scripts/sshd.mjs';\n",
};

describe('groupTests', () => {
  it('finds an sshd behind imports of several lines, exports and dynamic imports', async () => {
    await write({
      ...harness,
      'test/site.ts':
        "import { until } from './wait.js';\nimport {\n  a,\n  b,\n} from './b.js';\n",
      'test/b.ts': "export * from './harness/sshd.js';\n",
      'test/one.test.ts': "import { openSite } from './site.js';\n",
      'test/deep/two.test.ts': "const { a } = await import('../site.js');\n",
      'test/three.test.ts': "import { expect } from 'vitest';\nimport './wait.js';\n",
      'test/wait.ts': '',
    });
    expect(groupTests(root.path, {})).toEqual({
      fast: ['test/three.test.ts'],
      slow: [],
      sshd: ['test/deep/two.test.ts', 'test/one.test.ts'],
    });
  });

  it('finds an sshd behind a program that a test starts', async () => {
    await write({
      ...harness,
      'examples/demo.ts': "import { startHosts } from './hosts.js';\n",
      'examples/hosts.ts': "import { findSshd } from '../scripts/sshd.mjs';\n",
      'test/demo.test.ts': "const demo = new URL('../examples/demo.ts', import.meta.url);\n",
    });
    expect(groupTests(root.path, {}).sshd).toEqual(['test/demo.test.ts']);
  });

  it('does not count a type import as sshd', async () => {
    await write({
      ...harness,
      'test/a.test.ts': "import type { TestHost } from './harness/sshd.js';\n",
    });
    expect(groupTests(root.path, {}).fast).toEqual(['test/a.test.ts']);
  });

  it('refuses a list of slow files that is stale', async () => {
    await write({ ...harness, 'test/a.test.ts': "import { a } from './harness/sshd.js';\n" });
    expect(() => groupTests(root.path, { 'test/gone.test.ts': 'reads much' })).toThrow(
      'test/gone.test.ts is listed as slow and does not exist',
    );
    expect(() => groupTests(root.path, { 'test/a.test.ts': 'reads much' })).toThrow(
      'test/a.test.ts is listed as slow and needs sshd anyway',
    );
  });
});

describe('refuse-sshd.ts', () => {
  const harnessDir = join(project, 'test/harness');
  const runFile = async (body: string): Promise<string> => {
    const file = join(root.path, 'a.test.ts');
    await writeFile(
      file,
      `import { spawnSync } from 'node:child_process';
      import { expect, test } from ${JSON.stringify(import.meta.resolve('vitest'))};
      import { findSshd } from ${JSON.stringify(join(project, 'scripts/sshd.mjs'))};
      test('a claim', async () => { ${body} });`,
    );
    const config = join(root.path, 'vitest.config.mjs');
    const setupFiles = [join(harnessDir, 'refuse-sshd.ts')];
    await writeFile(
      config,
      `export default { test: ${JSON.stringify({ include: [relative(root.path, file)], setupFiles })} };`,
    );
    const vitest = join(project, 'node_modules/vitest/vitest.mjs');
    return run(process.execPath, [vitest, 'run', '--root', root.path, '--config', config]).then(
      ({ stdout }) => stdout,
      (error: unknown) => {
        const { stdout, stderr } = error as { stdout: string; stderr: string };
        return `failed\n${stdout}${stderr}`;
      },
    );
  };

  it('fails a file that starts an sshd, though its tests pass', async () => {
    const output = await runFile(
      "const sshd = await findSshd(); spawnSync(sshd?.program ?? '', ['-V']); expect(1).toBe(1);",
    );
    expect(output).toMatch(/^failed\n/);
    expect(output).toContain('this file starts an sshd, and its imports do not show it');
  }, 60_000);

  it('lets a file pass that starts none', async () => {
    expect(await runFile('expect(await findSshd()).toBeDefined();')).toMatch(/1 passed/);
  }, 60_000);
});

describe('longTests', () => {
  it('names files that exist', () => {
    const all = Object.values(groupTests(project)).flat();
    expect(longTests.filter((file) => !all.includes(file))).toEqual([]);
  });
});
