import type { Reporter, SerializedError, TestCase, TestModule, TestSuite } from 'vitest/node';
import { describeCount } from './hostile-inputs.js';

/**
 * After the usual report: what was skipped, and why, how many hostile inputs were tried, what
 * failed, and one closing line with the counts. The failures come last, because the end of a long
 * log is what people see first.
 */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const count = (state: string): number =>
      tests.filter((test) => test.result().state === state).length;
    // A file that could not be read, or a hook that threw, fails without a failing test.
    const broken = modules
      .flatMap((module) => [module, ...module.children.allSuites()])
      .filter(hasOwnError);
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
    const failures = [
      ...tests.filter((test) => test.result().state === 'failed').map(describeFailure),
      ...broken.map((part) => `${nameOf(part)}: ${shorten(part.errors()[0]?.message)}`),
      ...unhandled.map(({ message }) => `unhandled: ${shorten(message)}`),
    ];
    if (failures.length > 0)
      console.log(`FAILED:\n${failures.map((failure) => `  ${failure}\n`).join('')}`);
    console.log(
      `${String(count('passed'))} passed, ${String(failures.length)} failed, ` +
        `${String(skipped.length)} skipped`,
    );
  }
}

function hasOwnError(part: TestModule | TestSuite): boolean {
  return part.errors().length > 0;
}

function describeFailure(test: TestCase): string {
  const { errors } = test.result();
  const ms = Math.round(test.diagnostic()?.duration ?? 0);
  return (
    `${test.module.relativeModuleId} > ${test.fullName} (${String(ms)} ms): ` +
    shorten(errors?.[0]?.message)
  );
}

function nameOf(part: TestModule | TestSuite): string {
  return part.type === 'module'
    ? part.relativeModuleId
    : `${part.module.relativeModuleId} > ${part.fullName}`;
}

/** The lines of a message in one; what a command printed stands at the end, so both ends stay. */
function shorten(message = ''): string {
  const text = message.replaceAll(/\s+/g, ' ').trim();
  return text.length <= 800 ? text : `${text.slice(0, 400)} … ${text.slice(-400)}`;
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
