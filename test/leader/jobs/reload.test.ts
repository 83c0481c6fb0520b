import { expect, test } from 'vitest';
import type { Config } from '../../../src/config/config.js';
import { ReloadRunner } from '../../../src/leader/jobs/reload.js';
import { EventBus } from '../../../src/model/events.js';
import type { Registry } from '../../../src/hosts/registry.js';
import { makePartial } from '../../harness/partial.js';
import { until } from '../../harness/wait.js';

type Outcome = { exitCode: number | null; output: string };

async function run(command: readonly string[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const events = new EventBus();
  const reload = new ReloadRunner(
    {
      config: makePartial<Config>({ reloadCommand: command }),
      events,
      registry: makePartial<Registry>({
        recordReload: (outcome) => {
          outcomes.push(outcome);
          return Promise.resolve();
        },
      }),
    },
    1,
  );
  reload.start();
  events.emit('received', { files: 1 });
  await until(() => outcomes.length === 1);
  events.emit('received', { files: 1 });
  await until(() => outcomes.length === 2);
  await reload.close();
  return outcomes;
}

test('the outcome is recorded', async () => {
  expect(
    await run([process.execPath, '-e', 'console.log("reloaded"); process.exitCode = 3']),
  ).toMatchObject([{ exitCode: 3, output: 'reloaded\n' }, {}]);
});

test('a command that leaves a program running in the background has ended all the same', async () => {
  const background = `
    const { spawn } = require('node:child_process');
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => undefined, 60_000)'], { stdio: 'inherit', detached: true });
    console.log(child.pid);
    child.unref();`;
  const outcomes = await run([process.execPath, '-e', background]);
  for (const { output } of outcomes) process.kill(Number(output), 'SIGKILL');
  expect(outcomes).toMatchObject([{ exitCode: 0 }, { exitCode: 0 }]);
});

test('a program that does not exist is an outcome as well', async () => {
  const [outcome] = await run(['/nonexistent/program']);
  expect(outcome?.exitCode).not.toBe(0);
  expect(outcome?.output).toContain('ENOENT');
});
