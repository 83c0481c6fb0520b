import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { endProcesses, listTree } from '../../scripts/processes.mjs';
import { clearLeftovers } from './leftovers.js';
import { startHost } from './sshd.js';
import { makeTestDir } from './tmp.js';
import { until } from './wait.js';

const runs = async (pid: number): Promise<boolean> => (await listTree([pid])).length > 0;

describe('clearLeftovers', () => {
  it('names and removes leftovers', async () => {
    const dir = await makeTestDir();
    const host = await startHost({ name: 'forgotten' });
    expect(await clearLeftovers()).toEqual([
      `the directory ${dir.path}`,
      `the directory ${host.dir}`,
      'the host forgotten',
    ]);
    expect([dir.path, host.dir].filter((path) => existsSync(path))).toEqual([]);
    expect(host.running()).toBe(false);
    expect(await clearLeftovers()).toEqual([]);
  });

  it('finds a process that detached itself', async () => {
    const parent = spawn('sh', ['-c', 'setsid sleep 301 & echo $!'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [pid] = await new Promise<string[]>((resolve) =>
      createInterface(parent.stdout).once('line', (line) => {
        resolve([line]);
      }),
    );
    expect(await clearLeftovers()).toEqual([`process ${String(pid)}: sleep 301`]);
    expect(await runs(Number(pid))).toBe(false);
  }, 30_000);
});

describe('guardProcess', () => {
  it('ends the sshd of a process that was killed', async () => {
    const dir = await makeTestDir();
    const script = `
      import { startHost } from ${JSON.stringify(new URL('./sshd.ts', import.meta.url).href)};
      await startHost({ name: 'orphan', dir: ${JSON.stringify(dir.path)} });
      console.log('started');
      setInterval(() => undefined, 1000);`;
    const tsx = import.meta.resolve('tsx');
    const cwd = fileURLToPath(new URL('../..', import.meta.url));
    const parent = spawn(process.execPath, ['--import', tsx, '--input-type=module', '-e', script], {
      cwd,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => parent.stdout.once('data', resolve));
    const tree = await listTree([parent.pid ?? 0]);
    const sshd = tree.filter(({ command }) => command.includes('sshd'));
    expect(sshd).not.toEqual([]);
    parent.kill('SIGKILL');
    await until(async () => !(await runs(sshd[0]?.pid ?? 0)), { what: 'the end of the orphan' });
    await until(async () => (await listTree(tree.map(({ pid }) => pid))).length === 0, {
      what: 'the end of the guard',
    });
    await dir.remove();
  });

  it('leaves nothing of a tree', async () => {
    const parent = spawn('sh', ['-c', 'sh -c "trap : TERM; while :; do sleep 1; done" & wait'], {
      stdio: 'ignore',
    });
    await until(async () => (await listTree([parent.pid ?? 0])).length >= 3);
    await endProcesses([parent.pid ?? 0], { patience: 100 });
    expect(await listTree([parent.pid ?? 0])).toEqual([]);
  });
});
