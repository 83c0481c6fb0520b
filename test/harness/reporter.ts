import type { Reporter, SerializedError, TestCase, TestModule, TestSuite } from 'vitest/node';
import { describeCount } from './hostile-inputs.js';

/**
 * After the usual report: what was skipped, and why, how many hostile inputs were tried, and one
 * closing line with the counts.
 */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const count = (state: string): number =>
      tests.filter((test) => test.result().state === state).length;
    // A file that could not be read, or a hook that threw, fails without a failing test.
    const broken = modules
      .flatMap((module) => [module, ...module.children.allSuites()])
      .filter(hasOwnError).length;
    const skipped = tests.filter((test) => test.result().state === 'skipped');
    if (skipped.length > 0)
      console.log(`SKIPPED:\n${skipped.map((test) => `  ${describe(test)}\n`).join('')}`);
    const hostile = modules
      .map((module) => module.meta().hostileInputs)
      .filter((one) => one !== undefined);
    if (hostile.length > 0) {
      const sum = (of: 'tried' | 'succeeded'): number =>
        hostile.reduce((total, one) => total + one[of], 0);
      console.log(
        `hostile inputs of ${String(hostile.length)} files: ` +
          `${describeCount({ tried: sum('tried'), succeeded: sum('succeeded') })}`,
      );
    }
    const failed = count('failed') + broken + unhandled.length;
    console.log(
      `${String(count('passed'))} passed, ${String(failed)} failed, ${String(skipped.length)} ` +
        `skipped`,
    );
  }
}

function hasOwnError(part: TestModule | TestSuite): boolean {
  return part.errors().length > 0;
}

function describe(test: TestCase): string {
  const reason = reasonFor(test);
  return (
    `${test.module.relativeModuleId} > ` +
    `${test.fullName}${reason === undefined ? '' : `: ${reason}`}`
  );
}

function reasonFor(test: TestCase): string | undefined {
  const result = test.result();
  if (result.state === 'skipped' && result.note) return result.note;
  for (let part: TestSuite | TestModule = test.parent; ; part = part.parent) {
    if (hasOwnError(part)) return 'what had to come before it failed';
    if (part.type === 'module') return undefined;
  }
}
