import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import {
  describeThisProcess,
  isProcessDead,
  nameProcess,
  readInode,
} from '../../src/state-dir/process-identity.js';
import { compileProgram } from '../harness/compile.js';
import { makeTestDir } from '../harness/tmp.js';
import { until } from '../harness/wait.js';
import {
  namespacesAreMissing,
  startAsPidSix,
  startTalker,
  talkTo,
  type Talker,
} from '../harness/talker.js';

const run = promisify(execFile);
const program = compileProgram(new URL('../hosts/describe-process.ts', import.meta.url));
const noNamespaces = await namespacesAreMissing();
const isLinux = process.platform === 'linux';
const onLinux = isLinux ? '' : ` (skipped: ${process.platform} has no /proc)`;

const talkers: Talker[] = [];
afterEach(async () => {
  for (const talker of talkers.splice(0)) await talker.kill();
});

async function start(make: () => Talker): Promise<{ talker: Talker; described: string }> {
  const talker = make();
  talkers.push(talker);
  return { talker, described: await until(() => talker.lines[0], { timeout: 30_000 }) };
}
const fields = ['boot', 'pid', 'host', 'pid namespace', 'time namespace', 'start'] as const;
/** A description with one field replaced. */
function replace(described: string, field: (typeof fields)[number], value: string): string {
  return described
    .split(':')
    .map((old, i) => (i === fields.indexOf(field) ? value : old))
    .join(':');
}

test('a description of another form says nothing about a death', async () => {
  for (const described of [
    '',
    'x',
    '%',
    'a:1:b',
    `${describeThisProcess().split(':')[0] ?? ''}:999999999:abcdef`,
    '::::::',
    'a:-1:b:c:d:e',
  ]) {
    expect(await isProcessDead(described)).toBe(false);
  }
});

test('a process is named for people', () => {
  expect(nameProcess(describeThisProcess())).toMatch(
    new RegExp(`^process ${String(process.pid)} on .`),
  );
  expect(nameProcess('boot:17:abc')).toBe('process 17');
});

describe.skipIf(!isLinux)(`on Linux${onLinux}`, () => {
  test('a process is not dead while it runs, and dead once it was killed', async () => {
    const { talker, described } = await start(() => startTalker(program));
    expect(await isProcessDead(described)).toBe(false);
    expect(await isProcessDead(describeThisProcess())).toBe(false);
    await talker.kill();
    expect(await isProcessDead(described)).toBe(true);
  });

  test('a process that stands still is not dead', async () => {
    const { talker, described } = await start(() => startTalker(program));
    talker.child.kill('SIGSTOP');
    await until(async () =>
      / T /.test(await readFile(`/proc/${String(talker.child.pid)}/stat`, 'utf8')),
    );
    expect(await isProcessDead(described)).toBe(false);
  });

  test('a killed process is dead even if its parent never reaps it', async () => {
    const { described } = await start(() =>
      talkTo('sh', ['-c', '"$@" & exec sleep 600', 'sh', process.execPath, program]),
    );
    const pid = Number(described.split(':')[1]);
    process.kill(pid, 'SIGKILL');
    await until(async () => / Z /.test(await readFile(`/proc/${String(pid)}/stat`, 'utf8')));
    expect(await isProcessDead(described)).toBe(true);
  });

  test('a process whose pid another one has by now is dead', async () => {
    expect(await isProcessDead(replace(describeThisProcess(), 'start', '1'))).toBe(true);
  });

  test('the name of a program does not change the values that are read of it', async () => {
    const { described } = await start(() => startTalker(program, [') Z 1 2 (']));
    expect(await isProcessDead(described)).toBe(false);
  });

  test('nothing is known of a process of another boot, host name or namespace', async () => {
    const { talker, described } = await start(() => startTalker(program));
    await talker.kill();
    expect(await isProcessDead(described)).toBe(true);
    for (const field of ['boot', 'host', 'pid namespace', 'time namespace', 'start'] as const) {
      expect([field, await isProcessDead(replace(described, field, ''))]).toEqual([field, false]);
    }
    for (const field of ['boot', 'host', 'pid namespace', 'time namespace'] as const) {
      expect([field, await isProcessDead(replace(described, field, 'other'))]).toEqual([
        field,
        false,
      ]);
    }
  });

  test('a process of another namespace is dead if its socket does not answer any more', async () => {
    const dir = await makeTestDir();
    const path = join(dir.path, 'socket');
    const server = createServer();
    try {
      await new Promise<void>((resolve) => {
        server.listen(path, resolve);
      });
      // Node removes the path that a server was begun at when it closes.
      await run('ln', [path, join(dir.path, 'known')]);
      const socket = { path: join(dir.path, 'known'), inode: await until(() => readInode(path)) };
      const elsewhere = replace(describeThisProcess(), 'pid namespace', 'other');
      expect(await isProcessDead(elsewhere, socket)).toBe(false);
      await new Promise((resolve) => server.close(resolve));
      expect(await isProcessDead(elsewhere, socket)).toBe(true);
      // Of another machine, or with another file (a copy of the state folder): it says nothing.
      expect(await isProcessDead(replace(elsewhere, 'boot', 'other'), socket)).toBe(false);
      expect(await isProcessDead(elsewhere, { ...socket, inode: '1:1' })).toBe(false);
      expect(await isProcessDead(elsewhere, { ...socket, path: join(dir.path, 'nothing') })).toBe(
        false,
      );
    } finally {
      server.close();
      await dir.remove();
    }
  });
});

describe.skipIf(noNamespaces !== undefined)(
  `in pid namespaces${noNamespaces ? ` (skipped: ${noNamespaces})` : ''}`,
  () => {
    test('three processes with pid 6 are distinguished, and one that comes after another with its pid and namespace knows that it is dead', async () => {
      const three = await Promise.all([0, 1, 2].map(() => start(() => startAsPidSix(program))));
      expect(three.map(({ described }) => described.split(':')[1])).toEqual(['6', '6', '6']);
      for (const { talker } of three) {
        for (const { described } of three) expect(await talker.ask(described)).toBe('not dead');
      }
      const [first] = three;
      if (!first) throw new Error('there is none');
      await first.talker.kill();
      const { described, talker } = await start(() => startAsPidSix(program));
      // Whether the kernel gives it the number of the namespace that has ended is up to the
      // kernel.
      const last = replace(first.described, 'pid namespace', described.split(':')[3] ?? '');
      expect(described.split(':')[1]).toBe('6');
      expect(await talker.ask(last)).toBe('dead');
      expect(await talker.ask(described)).toBe('not dead');
      // Nor can this namespace, which sees all of theirs, be sure about their pids.
      expect(await isProcessDead(first.described)).toBe(false);
    }, 60_000);

    test('a process that sees the /proc of another namespace says of none that it is dead', async () => {
      const { talker, described } = await start(() =>
        talkTo('unshare', ['--pid', '--fork', '--kill-child=KILL', process.execPath, program]),
      );
      expect(described.split(':')[1]).toBe('1');
      expect(described.split(':')[5]).toBe('');
      expect(await talker.ask(replace(replace(described, 'pid', '999999'), 'start', '5'))).toBe(
        'not dead',
      );
    }, 30_000);

    test('a /proc that hides the processes of other users makes none of them dead', async () => {
      const mine = await start(() => startTalker(program));
      const hidden = [
        '--mount',
        'sh',
        '-c',
        'mount -t proc -o hidepid=2 proc /proc && exec "$@"',
        'sh',
        process.execPath,
        program,
      ];
      const { talker } = await start(() => talkTo('unshare', hidden, { BECOME_USER: '54321' }));
      expect(await talker.ask(mine.described)).toBe('not dead');
      expect(await talker.ask(replace(mine.described, 'start', '1'))).toBe('not dead');
      await mine.talker.kill();
      expect(await talker.ask(mine.described)).toBe('dead');
    }, 30_000);
  },
);
