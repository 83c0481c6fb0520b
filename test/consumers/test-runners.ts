import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify, stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);
const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));
const jest = ['node_modules/.bin/jest', '--ci', '--testMatch', '**/*.test.*js', '--runTestsByPath'];
/** Of its own, and about the flag alone. */
const withModules = '--experimental-vm-modules --disable-warning=ExperimentalWarning';

interface TestRunner {
  readonly command: readonly string[];
  readonly options?: string;
}

const testRunners: Readonly<Record<string, TestRunner>> = {
  'Jest in CommonJS': { command: [...jest, 'inert.test.js'] },
  'Jest in ES modules': { command: [...jest, 'inert.test.mjs'], options: withModules },
  // The project's own: it resolves what a test imports from the folder of the test.
  Vitest: { command: [vitest, 'run', '--globals', '--root', '.', 'inert.test.mjs'] },
};

/** Describes the tests of an application, in the `describe` of the caller. */
export function describeTestRunners(open: () => { path: string; env: NodeJS.ProcessEnv }): void {
  describe.each(Object.entries(testRunners))('tests of its own in %s', (name, runner) => {
    it('neither connect, warn nor hang on a machine that was never initialised', async () => {
      const { path, env } = open();
      const { stdout, stderr } = await run(process.execPath, [...runner.command], {
        cwd: path,
        env: { ...process.env, ...env, NODE_OPTIONS: runner.options ?? '' },
        // A runner that hangs would run into this.
        timeout: 60_000,
      });
      const output = stripVTControlCharacters(`${stdout}${stderr}`);
      expect(output, name).toMatch(/Tests +2 passed|Tests: +2 passed, 2 total/);
      expect(output).not.toMatch(/did not exit|failed to exit|close timed out|console\.|warning:/i);
    }, 90_000);
  });
}
