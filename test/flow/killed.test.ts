import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { compileProgram } from '../harness/compile.js';
import { until } from '../harness/wait.js';
import { dir, openSite, threeOf, type Machine, type Site } from './site.js';

const program = compileProgram(new URL('saving-app.ts', import.meta.url));
let site: Site, one: Machine, two: Machine, three: Machine, child: ChildProcess | undefined;
beforeEach(async () => {
  site = await openSite();
  [one, two, three] = threeOf(site);
});
afterEach(async () => {
  child?.kill('SIGKILL');
  await site.close();
});

/** A process of host one's app that saves one photo and says so; it may lead. */
async function saveInProcess(file: string, mode: 'leads' | 'does not lead'): Promise<ChildProcess> {
  const started = spawn(process.execPath, [program, site.database.uri, dir, file, mode], {
    env: { ...process.env, ...one.environment },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child = started;
  const lines = createInterface({ input: started.stdout });
  for await (const line of lines) if (line === 'saved') return started;
  throw new Error('the process ended before it had saved');
}

async function killHard(killed: ChildProcess): Promise<void> {
  killed.kill('SIGKILL');
  await once(killed, 'exit');
}

test.each(['leads', 'does not lead'] as const)(
  'kill -9 between the save and the delivery loses nothing (its process %s)',
  async (mode) => {
    await one.app.close();
    await two.ssh.stop({ hard: true });
    await three.ssh.stop({ hard: true });
    await one.write(`${dir}/killed.jpg`, 'still here');
    await killHard(await saveInProcess(`${dir}/killed.jpg`, mode));
    await two.ssh.start();
    await three.ssh.start();
    expect(await two.read(`${dir}/killed.jpg`)).toBeUndefined();
    await one.startApp();
    for (const machine of [two, three])
      await until(async () => (await machine.read(`${dir}/killed.jpg`)) === 'still here', {
        timeout: 25_000,
      });
  },
  90_000,
);
