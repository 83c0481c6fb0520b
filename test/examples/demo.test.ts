import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { listTree, type Running } from '../../scripts/processes.mjs';
import { makeTestDir, type TestDir } from '../harness/tmp.js';
import { until } from '../harness/wait.js';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const program = fileURLToPath(new URL('../../examples/upload-app/demo.ts', import.meta.url));

/** Those of the processes that still run. A busy machine gives their pids to others soon. */
async function listLeft(started: readonly Running[]): Promise<Running[]> {
  const now = await listTree(started.map(({ pid }) => pid));
  return now.filter(({ pid, command }) =>
    started.some((one) => one.pid === pid && one.command === command),
  );
}

describe('the demo', () => {
  let dir: TestDir;
  let demo: Demo;
  beforeEach(async () => {
    dir = await makeTestDir();
  });
  afterEach(async () => {
    await demo.end();
    await dir.remove();
  });

  test(
    '--once: every picture and thumbnail arrives everywhere, and nothing stays behind',
    { timeout: 300_000 },
    async () => {
      demo = new Demo(dir.path, ['--once']);
      await demo.says('web-3  ');
      const started = await demo.processes();
      const code = await demo.exit(280_000);
      expect(code, demo.output).toBe(0);
      const arrived = [
        ...demo.output.matchAll(/^ {2}(web-\d) +(\w+) +(web-\d) .*byte-identical$/gm),
      ].map(([, on, picture, to]) => `${picture ?? ''} ${on ?? ''} > ${to ?? ''}`);
      expect(arrived).toEqual([
        // Saved on each in turn.
        ...[
          'astronaut web-1 > web-2',
          'astronaut web-1 > web-3',
          'chelsea web-2 > web-1',
          'chelsea web-2 > web-3',
          'coffee web-3 > web-1',
          'coffee web-3 > web-2',
        ],
        // With one host stopped; after its return; after a crash.
        ...[
          'rocket web-1 > web-2',
          'rocket web-1 > web-3',
          'chelsea web-2 > web-1',
          'chelsea web-2 > web-3',
        ],
      ]);
      expect(demo.output).toContain(
        'Every picture and every thumbnail arrived on every host, byte-identical.',
      );
      expect(started.length).toBeGreaterThan(6);
      expect(await listLeft(started)).toEqual([]);
      expect(await demo.directories()).toEqual([]);
    },
  );

  test(
    'ctrl-C in the middle ends everything and removes its files',
    { timeout: 120_000 },
    async () => {
      demo = new Demo(dir.path, []);
      await demo.says('web-1  ');
      const started = await demo.processes();
      expect(await demo.directories()).toHaveLength(1);
      demo.kill('SIGINT');
      demo.kill('SIGINT');
      expect(await demo.exit(60_000), demo.output).toBe(130);
      expect(await listLeft(started)).toEqual([]);
      expect(await demo.directories()).toEqual([]);
    },
  );

  test('its processes end even if the demo itself is killed', { timeout: 120_000 }, async () => {
    demo = new Demo(dir.path, []);
    await demo.says('web-1  ');
    const started = await demo.processes();
    expect(started.some(({ command }) => command.includes('app.ts'))).toBe(true);
    demo.kill('SIGKILL');
    await demo.exit(10_000);
    await until(async () => (await listLeft(started)).length === 0, {
      timeout: 30_000,
      what: 'the end of what the demo started',
    });
    await demo.removeDirectories();
  });

  test('an argument it does not know is refused', async () => {
    demo = new Demo(dir.path, ['--twice']);
    expect(await demo.exit(20_000)).toBe(2);
    expect(demo.output).toContain('--twice');
  });
});

class Demo {
  output = '';
  private readonly child: ChildProcess;
  private readonly closed: Promise<unknown>;

  constructor(
    private readonly dir: string,
    args: string[],
  ) {
    const argv = ['--import', 'tsx', program, ...args];
    // In its own session, as a terminal's ctrl-C is played here by hand.
    this.child = spawn(process.execPath, argv, {
      cwd: repository,
      detached: true,
      env: { ...process.env, TMPDIR: dir },
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    }
    this.closed = once(this.child, 'exit');
  }

  async says(text: string): Promise<void> {
    await until(() => this.output.includes(text) || this.child.exitCode !== null, {
      timeout: 90_000,
      what: `"${text}" of the demo`,
    });
    expect(this.output).toContain(text);
  }

  async processes(): Promise<Running[]> {
    return listTree([this.child.pid ?? 0]);
  }

  /** The exit code, or null where a signal ended it. */
  async exit(timeout: number): Promise<number | null> {
    await until(() => this.child.exitCode !== null || this.child.signalCode !== null, {
      timeout,
      what: 'the end of the demo',
    });
    await this.closed;
    return this.child.exitCode;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async directories(): Promise<string[]> {
    return (await readdir(this.dir)).filter((name) => name.startsWith('upload-app-'));
  }

  async removeDirectories(): Promise<void> {
    for (const name of await this.directories())
      await rm(join(this.dir, name), { recursive: true, force: true });
  }

  async end(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGTERM');
    await this.closed;
  }
}
