import { once } from 'node:events';
import { expect, test } from 'vitest';
import type { Config } from '../../src/config/config.js';
import type { HostContext } from '../../src/context/host-context.js';
import type { KnownDirs } from '../../src/context/known-dirs.js';
import { Problems } from '../../src/context/problems.js';
import type { ThisHost } from '../../src/context/this-host.js';
import type { CounterWriter } from '../../src/counters/counter-writer.js';
import type { RunActions } from '../../src/instance/actions/runs.js';
import { createLifeCycle } from '../../src/instance/life-cycle.js';
import type { SetupWatch } from '../../src/instance/setup-watch.js';
import type { LeaderElection } from '../../src/leader/election.js';
import { EventBus } from '../../src/model/events.js';
import type { HostState } from '../../src/state-dir/state.js';
import { makePartial } from '../harness/partial.js';
import { until } from '../harness/wait.js';

test('an instance that is closed while its start waits for a leader logs what it found', async () => {
  const lines: string[] = [];
  const say = (line: string): void => {
    lines.push(line);
  };
  const log = { info: say, warn: say, error: say };
  const problems = new Problems(log);
  const closing = new AbortController();
  const close = (): Promise<void> => Promise.resolve();
  let isWaiting = false;
  const lifeCycle = createLifeCycle(
    makePartial<ThisHost>({
      config: makePartial<Config>({ log }),
      dirs: makePartial<KnownDirs>({ requireShareable: () => undefined }),
      events: new EventBus(),
      ending: closing.signal,
      problems,
      state: makePartial<HostState>({}),
      requireUnclosed: () => undefined,
      openContext: () => Promise.resolve(makePartial<HostContext>({})),
      beginClose: () => {
        closing.abort();
      },
      close,
    }),
    makePartial<LeaderElection>({
      start: () => undefined,
      reportRisks: () => Promise.resolve(),
      waitForLeader: async (signal) => {
        isWaiting = true;
        await once(signal, 'abort');
        return undefined;
      },
      close,
    }),
    makePartial<RunActions>({ checkCrons: () => undefined, startCrons: () => undefined, close }),
    makePartial<SetupWatch>({
      check: () => {
        problems.report({ about: 'uploads', message: 'uploads is missing', remedy: 'mount it' });
        return Promise.resolve();
      },
      close,
    }),
    makePartial<CounterWriter>({ close }),
    [],
  );
  const starting = lifeCycle.start();
  await until(() => isWaiting);
  await lifeCycle.close();
  await starting;
  expect(lines).toEqual(['uploads is missing. Remedy: mount it']);
});
