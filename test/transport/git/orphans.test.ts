import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { endOrphans } from '../../../src/transport/git/orphans.js';
import { compileProgram } from '../../harness/compile.js';
import { makeTestDir, type TestDir } from '../../harness/tmp.js';
import { until } from '../../harness/wait.js';
import { never } from '../site.js';

const program = compileProgram(new URL('./orphaning-process.ts', import.meta.url));
let dir: TestDir;
let place: string;
let starters: ChildProcess[];
beforeEach(async () => {
  dir = await makeTestDir();
  place = join(dir.path, 'history');
  starters = [];
});
afterEach(async () => {
  for (const { pid } of starters) killGroup(pid);
  for (const name of ['one', 'two', 'three', 'daemon']) killGroup(readPid(name));
  await dir.remove();
});

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

/**
 * Starts a process that starts a program, which says its pid and that of a program it has started,
 * and goes on without any input.
 */
async function start(name: string, at: string, ignores = ''): Promise<ChildProcess> {
  const folder = join(dir.path, `bin-${name}`);
  await mkdir(folder);
  await writeFile(
    join(folder, 'git'),
    `#!/bin/sh\n${ignores}\necho $$ > '${join(dir.path, name)}.pid'\n` +
      `sleep 600 & echo $! > '${join(dir.path, `${name}-started`)}.pid'\n` +
      'while :; do sleep 600 & wait $!; done\n',
  );
  await chmod(join(folder, 'git'), 0o755);
  const starter = spawn(process.execPath, [program, at], {
    stdio: 'ignore',
    detached: true,
    env: { ...process.env, PATH: `${folder}:${process.env['PATH'] ?? ''}` },
  });
  starters.push(starter);
  await until(() => readPid(name) !== undefined && readPid(`${name}-started`) !== undefined);
  return starter;
}
function readPid(name: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(dir.path, `${name}.pid`), 'utf8'));
    return pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}
function isRunning(name: string): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${String(readPid(name))}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
async function kill(starter: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => starter.on('close', resolve));
  starter.kill('SIGKILL');
  await ended;
}

test('a program of a killed process is ended, also if it does not listen', async () => {
  await kill(await start('one', place));
  await kill(await start('two', place, "trap '' TERM"));
  expect([isRunning('one'), isRunning('two')]).toEqual([true, true]);
  await endOrphans(place, never);
  await until(() => !isRunning('one') && !isRunning('two'));
  // What a program has started may serve others, such as a mount.
  expect(isRunning('one-started')).toBe(true);
});

test('the connection of a program is ended with it, not a daemon that it started', async () => {
  const folder = join(dir.path, 'bin-one');
  await kill(
    await start(
      'one',
      place,
      [
        `printf '#!/bin/sh\\nwhile :; do sleep 600 & wait $!; done\\n' > '${folder}/ssh'`,
        `chmod 755 '${folder}/ssh'`,
        `'${folder}/ssh' & echo $! > '${join(dir.path, 'ssh')}.pid'`,
        `setsid sh -c 'echo $$ > ${join(dir.path, 'daemon')}.pid; exec ${folder}/ssh' &`,
      ].join('\n'),
    ),
  );
  await until(() => isRunning('ssh') && isRunning('daemon'));
  await endOrphans(place, never);
  await until(() => !isRunning('ssh'));
  expect(isRunning('daemon')).toBe(true);
});

test('a program of a process that lives, or of another repository, goes on', async () => {
  await start('one', place);
  await kill(await start('two', `${place}-of-another`));
  await kill(await start('three', `/srv/another ${place}`));
  await endOrphans(place, never);
  expect(['one', 'two', 'three'].map(isRunning)).toEqual([true, true, true]);
});
