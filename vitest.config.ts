import { fileURLToPath } from 'node:url';
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { groupTests, longTests } from './scripts/test-groups.mjs';

/** For every project. Paths are absolute, since other configurations use them too. */
const atRoot = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const checkLeftovers = atRoot('test/harness/check-leftovers.ts');
const checkAnswers = atRoot('test/harness/check-answers.ts');
const refuseSshd = atRoot('test/harness/refuse-sshd.ts');
const each = {
  // Processes, not threads: the harness looks at the worker's own process to see what a file left
  // running.
  pool: 'forks' as const,
  setupFiles: [checkLeftovers, checkAnswers],
  testTimeout: 60_000,
  hookTimeout: 60_000,
};

/** Long files begin first, so that no run ends with one of them alone. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const order = longTests.map(atRoot);
    const rankOf = ({ moduleId }: TestSpecification): number => {
      const rank = order.indexOf(moduleId);
      return rank < 0 ? order.length : rank;
    };
    return (await super.sort(files)).sort((one, other) => rankOf(one) - rankOf(other));
  }
}

/** For tests, benchmarks and replays. */
export const shared = {
  ...each,
  globalSetup: [atRoot('test/harness/global-setup.ts')],
  reporters: ['default', atRoot('test/harness/reporter.ts')],
  teardownTimeout: 20_000,
  // Most files wait for sshd, rsync and timers for more than half of their time, so two of them
  // share a core. Here and not in a project, where it would overrule the option --maxWorkers.
  maxWorkers: Math.min(8, 2 * availableParallelism()),
  sequence: { sequencer: LongestFirst },
};

const groups = groupTests(atRoot('.'));

export default defineConfig({
  test: {
    ...shared,
    projects: [
      {
        test: {
          ...each,
          name: 'fast',
          include: groups.fast,
          setupFiles: [checkLeftovers, checkAnswers, refuseSshd],
          // Files share a worker's process: loading Mongoose for each would cost more than the
          // tests.
          isolate: false,
        },
      },
      {
        test: {
          ...each,
          name: 'slow',
          include: groups.slow,
          setupFiles: [checkLeftovers, checkAnswers, refuseSshd],
        },
      },
      {
        test: {
          ...each,
          name: 'sshd',
          include: groups.sshd,
        },
      },
    ],
  },
});
