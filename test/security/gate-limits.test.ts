import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { closeSync, openSync, readSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gateProgram } from '../../src/access/gate-program.js';
import { gateIsMissing } from '../gate/confined.js';
import { countHostileInputs } from '../harness/hostile-inputs.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

const hostile = countHostileInputs();
/** As the gate has it. */
const mostArguments = 32 * 1024;

describe.skipIf(gateIsMissing !== undefined)('the gate', () => {
  let work: TestDir;
  const running: ChildProcess[] = [];
  beforeAll(async () => {
    work = await makeTestDir();
    await mkdir(join(work.path, 'root/uploads'), { recursive: true });
    await writeFile(
      join(work.path, 'rules.json'),
      JSON.stringify({
        root: join(work.path, 'root'),
        dirs: ['uploads'],
        hosts: ['other', 'third'],
      }),
    );
  });
  afterAll(async () => {
    for (const child of running) child.kill();
    await work.remove();
  });

  /** @param constants lines of the gate, as they are to be */
  async function gate(
    command: string,
    stdin: (StdioOptions & ('ignore' | 'pipe')) | number,
    constants: Record<string, number> = {},
    host = 'other',
  ): Promise<{ code: number | null; stderr: string }> {
    let program = gateProgram;
    for (const [name, value] of Object.entries(constants)) {
      const line = new RegExp(`^${name} = .*$`, 'm');
      expect(program).toMatch(line);
      program = program.replace(line, `${name} = ${String(value)}`);
    }
    const file = join(work.path, 'syncmedia-gate.py');
    await writeFile(file, program);
    const child = spawn('/usr/bin/python3', ['-IS', '-X', 'utf8', file, host], {
      stdio: [stdin, 'pipe', 'pipe'],
      env: { ...process.env, SSH_ORIGINAL_COMMAND: command },
    });
    running.push(child);
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    return new Promise((resolve) => {
      child.on('close', (code) => {
        resolve({ code, stderr });
      });
    });
  }

  const endless = (unit: string): string =>
    unit.repeat(Math.ceil((256 * 1024) / unit.length)).slice(0, 256 * 1024);
  test.each([
    ['one long argument', endless('a')],
    ['an argument of each letter', endless('a\0')],
    ['many options', endless('rsync\0--server\0-t\0')],
    ['a path', endless('../')],
    ['backslashes', endless('\\')],
    ['an end too late', `${'a'.repeat(mostArguments)}\0\0${endless('b')}`],
    ['no end and nothing more', 'rsync\0--server\0.\0x'],
    ['nothing', ''],
    ['one NUL', '\0'],
  ])(
    'refuses arguments of rsync on standard input that have no end, and reads no more than 32 KiB: %s',
    async (what, text) => {
      const file = join(work.path, 'arguments');
      await writeFile(file, text);
      const stdin = openSync(file, 'r');
      try {
        const { code, stderr } = await gate('rsync --server -s', stdin);
        // The gate and this process share the place up to which the file was read.
        const left = readSync(stdin, Buffer.alloc(512 * 1024), 0, 512 * 1024, null);
        const read = Buffer.byteLength(text) - left;
        hostile.tried(what, code !== 77 || read > mostArguments + 1);
        expect({ code, stderr }).toEqual({
          code: 77,
          stderr: 'syncmedia-gate: the arguments of rsync have no end\n',
        });
        expect(read).toBeLessThanOrEqual(mostArguments + 1);
      } finally {
        closeSync(stdin);
      }
    },
  );

  test('reads the arguments up to their end, and leaves the rest to rsync', async () => {
    const file = join(work.path, 'arguments');
    for (const length of [1, 2, 3, 4]) {
      await writeFile(file, `rsync\0${'x'.repeat(length)}\0\0belongs to rsync`);
      const stdin = openSync(file, 'r');
      try {
        expect((await gate('rsync --server -s', stdin)).stderr).toContain('exactly one directory');
        const rest = Buffer.alloc(100);
        expect(rest.subarray(0, readSync(stdin, rest, 0, rest.length, null)).toString()).toBe(
          'belongs to rsync',
        );
      } finally {
        closeSync(stdin);
      }
    }
  });

  test('ends where the arguments do not come in time', async () => {
    const { code, stderr } = await gate('rsync --server -s', 'pipe', { ARGUMENTS_TAKE: 1 });
    hostile.tried('arguments that never come', code !== 77);
    expect({ code, stderr }).toEqual({
      code: 77,
      stderr: 'syncmedia-gate: the arguments of rsync did not come within 1 seconds\n',
    });
  });

  test('admits a bounded number of connections of one host, counts ended ones no more, and leaves other hosts alone', async () => {
    const limit = { MOST_CONNECTIONS: 3 },
      folder = join(work.path, 'connections');
    const open: ChildProcess[] = [];
    for (let index = 0; index < 3; index++) {
      const child = spawn('sleep', ['600'], { stdio: 'ignore' });
      running.push(child);
      open.push(child);
      const text = await readFile(`/proc/${String(child.pid)}/stat`, 'latin1');
      await writeFile(
        join(folder, `other.${String(child.pid)}`),
        text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '',
      );
    }
    for (let index = 0; index < 5; index++) {
      const { code, stderr } = await gate('true', 'ignore', limit);
      hostile.tried('one connection more', code !== 77);
      expect({ code, stderr }).toEqual({
        code: 77,
        stderr:
          'syncmedia-gate: this host has 3 connections of yours open already, and takes no more\n',
      });
    }
    expect((await readdir(folder)).filter((name) => name.startsWith('other.'))).toHaveLength(3);
    expect((await gate('true', 'ignore', limit, 'third')).code).toBe(0);
    const [first] = open;
    await new Promise((resolve) => {
      first?.on('close', resolve).kill();
    });
    expect((await gate('true', 'ignore', limit)).code).toBe(0);
    await rm(folder, { recursive: true });
  });
});
