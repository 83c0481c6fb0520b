import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { findProgram } from '../../scripts/programs.mjs';
import type { Overview } from '../../src/api/overview.js';
import type { Status } from '../../src/api/reports.js';
import { openOverviewSite, type OverviewSite } from '../overview/site.js';
import { type CliOptions, type CliResult, runCli } from './run-cli.js';

// Each command is a process of its own, which takes its time to start on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

/** `script` of util-linux makes a terminal. */
const hasScript = process.platform === 'linux' && (await findProgram('script')) !== undefined;

let site: OverviewSite, env: Record<string, string>;
beforeAll(async () => {
  site = await openOverviewSite();
  await site.addHost('A');
  await site.addHost('B');
  env = await site.makeEnvironment('A');
});
afterAll(() => site.close());

const status = (args: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
  runCli(['status', ...args], { ...options, env });
const parse = <T>({ stdout }: CliResult): T => JSON.parse(stdout) as T;
const setOnB = (fields: object): Promise<unknown> =>
  site.rows.updateOne({ _id: 'B' }, { $set: { heartbeatAt: new Date(), ...fields } });

/** A conflict is a need, and changes no state. */
async function checkWith(conflicts: number): Promise<[number | null, string[]]> {
  await site.rows.updateMany({}, { $set: { heartbeatAt: new Date() } });
  await setOnB({ conflicts });
  const result = await status(['--check', '--json']);
  return [result.code, parse<Overview>(result).needs.map(({ id }) => id)];
}

test('status --check exits with 3 exactly while something needs a person', async () => {
  expect(await checkWith(0)).toEqual([0, []]);
  expect(await checkWith(1)).toEqual([3, ['conflicts name-B']]);
  expect(await checkWith(0)).toEqual([0, []]);
});

test('status and its details are different shapes as JSON', async () => {
  expect(parse<Overview>(await status(['--json']))).toMatchObject({
    thisHost: { hostname: 'name-A' },
    hosts: [{ hostname: 'name-A' }, { hostname: 'name-B' }],
  });
  expect(parse<Status>(await status(['--details', '--json']))).toMatchObject({
    initialised: true,
    hosts: [{ hostname: 'name-A', pending: 0 }, { hostname: 'name-B' }],
  });
});

test.each([
  [['--watch', '--check'], '--watch and --check'],
  [['--details', '--watch'], '--details and --watch'],
])('status %j is refused, because they exclude each other', async (args, named) => {
  const { code, stderr } = await status(args);
  expect([code, stderr]).toEqual([2, expect.stringContaining(`BAD_OPTION: ${named}`)]);
});

describe('status --watch', () => {
  test('prints each change as a line until ctrl-C, and ends with 130', async () => {
    let text = '';
    const { code, stdout } = await status(['--watch'], {
      onStart: (child) => {
        child.stdout?.on('data', (part: string) => {
          if (text === '') void setOnB({ status: 'paused' });
          text += part;
          if (text.includes('paused')) child.kill('SIGINT');
        });
      },
    });
    await setOnB({ status: 'approved' });
    expect(code).toBe(130);
    expect(stdout).toMatch(/^\d\d:\d\d:\d\d Every|^\d\d:\d\d:\d\d \S/);
    expect(stdout).toMatch(/^\d\d:\d\d:\d\d name-B {2}paused$/m);
    expect(stdout).toBe(stripVTControlCharacters(stdout));
  });

  test('prints each changed overview as a line of JSON', async () => {
    let text = '';
    const { stdout } = await status(['--watch', '--json'], {
      onStart: (child) => {
        child.stdout?.on('data', (part: string) => {
          if (text === '') void setOnB({ status: 'paused' });
          text += part;
          if (text.split('\n').length > 2) child.kill('SIGINT');
        });
      },
    });
    await setOnB({ status: 'approved' });
    const states = stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as Overview).hosts.map(({ state }) => state));
    expect(states[0]).toEqual(['up to date', 'up to date']);
    expect(states[1]).toContain('paused');
  });

  test.skipIf(!hasScript)('draws anew on a terminal, and gives the cursor back', async () => {
    let isPressed = false;
    const { code, stdout } = await status(['--watch'], {
      terminal: true,
      onStderr: (text, child) => {
        // A second ctrl-C would end it before it has tidied up.
        if (isPressed || text.split('\x1b[H').length <= 2) return;
        isPressed = true;
        child.stdin?.write('\x03');
      },
    });
    expect(code).toBe(130);
    expect(stdout).toContain('\x1b[?25l');
    expect(stdout.lastIndexOf('\x1b[?25h')).toBeGreaterThan(stdout.lastIndexOf('\x1b[H'));
  });
});
