import { execFile } from 'node:child_process';
import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { findProgram } from '../../scripts/programs.mjs';
import { makeShellScript, type Shell } from '../../src/cli/completion/shell-scripts.js';
import { publicKey } from '../admin/recording-instance.js';
import { confinement } from '../gate/confined.js';
import { compileProgram } from '../harness/compile.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { listInitArgs } from '../harness/init-args.js';
import { startHost, type TestHost } from '../harness/sshd.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';
import { until } from '../harness/wait.js';
import { makeRow } from '../hosts/rows.js';
import { runCli } from './run-cli.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const main = new URL('../../src/cli/main.ts', import.meta.url);
const programs = {
  bash: await findProgram('bash'),
  zsh: await findProgram('zsh'),
  fish: await findProgram('fish'),
};

let database: TestDatabase, host: TestHost, dir: TestDir;
const environment = (): Record<string, string> => ({
  ...confinement,
  PATH: process.env['PATH'] ?? '',
  HOME: host.dir,
  SYNCMEDIA_MONGODB_URI: database.uri,
  SYNCMEDIA_STATE_DIR: host.stateDir,
  SYNCMEDIA_AUTHORIZED_KEYS: host.authorizedKeysFile,
});
/** A sync dir whose name a careless script would carry out. */
const hostile = 'up $(touch executed) `touch executed`;touch executed';

beforeAll(async () => {
  [database, host, dir] = await Promise.all([
    testDatabase(),
    startHost({ name: 'web1' }),
    makeTestDir(),
  ]);
  for (const name of ['uploads', hostile]) await mkdir(join(host.root, name));
  const { code, stderr } = await runCli([...listInitArgs(host), '--sync-dirs', hostile], {
    env: environment(),
  });
  expect(code, stderr).toBe(0);
  await database.connection
    .collection<{ _id: string }>('syncmedia_hosts')
    .insertOne(
      makeRow('h2', { hostname: 'web2', url: '127.0.0.1', publicKey, hostKeys: [publicKey] }),
    );
  for (const shell of ['bash', 'zsh', 'fish'] as const)
    await writeFile(
      join(dir.path, shell),
      makeShellScript(shell, [process.execPath, compileProgram(main)]),
    );
});
afterAll(async () => {
  await Promise.all([database.close(), host.close(), dir.remove()]);
});

/** Runs a script in a shell that has loaded the completion. */
async function runShell(shell: Shell, args: readonly string[]): Promise<string[]> {
  const { stdout } = await promisify(execFile)(programs[shell] ?? '', [...args], {
    cwd: dir.path,
    env: environment(),
  });
  return stdout.split('\n').filter((line) => line !== '');
}

/** The words that a shell offers after these, with the last one being written. */
const ask: Readonly<Record<Shell, (words: readonly string[]) => Promise<string[]>>> = {
  bash: (words) =>
    runShell('bash', [
      '--norc',
      '-c',
      'source ./bash; COMP_WORDS=(syncmedia "$@"); COMP_CWORD=$#; _syncmedia; printf "%s\\n" "${COMPREPLY[@]}"',
      'bash',
      ...words,
    ]),
  // `compadd` only works in a completion; here it prints the words that it would add.
  zsh: (words) =>
    runShell('zsh', [
      '-f',
      '-c',
      'compdef() { : }; compadd() { print -rl -- "${(@q)values}" }; _files() { print :files }; ' +
        'source ./zsh; words=(syncmedia "$@"); CURRENT=$#words; _syncmedia',
      'zsh',
      ...words,
    ]),
  fish: (words) =>
    runShell('fish', [
      '--no-config',
      '-c',
      `source ./fish; complete -C 'syncmedia ${words.join(' ').replaceAll("'", "\\'")}'`,
    ]).then((lines) => lines.map((line) => line.split('\t')[0] ?? '')),
};

/** On a busy machine the database may not answer in the time that a person would wait. */
const askUntilOffered = (shell: Shell, words: readonly string[]): Promise<string[]> =>
  until(
    async () => {
      const offered = await ask[shell](words);
      return offered.length > 0 && offered;
    },
    { timeout: 50_000 },
  );

describe.each(['bash', 'zsh', 'fish'] as const)('completion in %s', (shell) => {
  const isMissing = programs[shell] === undefined;
  const reason = '(where there is none: node scripts/setup.mjs --for tests)';

  test.skipIf(isMissing)(`offers commands and options ${reason}`, async () => {
    expect(await ask[shell](['ho'])).toEqual(['hosts']);
    expect(await ask[shell](['push', '--dry'])).toEqual(['--dry-run']);
    expect(await ask[shell](['completion', ''])).toEqual(
      ['bash', 'zsh', 'fish'].sort(byShell(shell)),
    );
  });

  test.skipIf(isMissing)(`offers the names of hosts ${reason}`, async () => {
    const offered = await askUntilOffered(shell, ['hosts', 'show', 'we']);
    expect(offered.sort()).toEqual(['web1', 'web2']);
  });

  test.skipIf(isMissing)(`offers sync dirs, and executes no name ${reason}`, async () => {
    const offered = await askUntilOffered(shell, ['push', '--dir', 'up']);
    expect(offered).toHaveLength(2);
    expect(offered).toContain('uploads');
    if (shell !== 'fish') {
      // The words as they would stand on the command line.
      const { stdout } = await promisify(execFile)(
        programs[shell] ?? '',
        ['-c', `printf '%s\\n' ${offered.join(' ')}`],
        { cwd: dir.path },
      );
      expect(stdout.trimEnd().split('\n').sort()).toEqual([hostile, 'uploads'].sort());
    }
    await expect(access(join(dir.path, 'executed'))).rejects.toThrow();
  });

  test.skipIf(isMissing)(`offers files ${reason}`, async () => {
    const files = await ask[shell](['--env-file', 'ba']);
    if (shell === 'fish') expect(files).toContain('bash');
    if (shell === 'zsh') expect(files).toContain(':files');
    if (shell === 'bash') expect(files).toEqual([]);
  });

  test.skipIf(isMissing)(
    `offers nothing, and says nothing, without a database ${reason}`,
    async () => {
      const words = ['--env-file', join(dir.path, 'none'), 'hosts', 'show', ''];
      expect(await ask[shell](words)).toEqual([]);
    },
  );
});

/** Fish sorts what it offers. */
function byShell(shell: Shell): (a: string, b: string) => number {
  return shell === 'fish' ? (a, b) => (a < b ? -1 : 1) : () => 0;
}

test('the command prints the script of a shell, which runs this program', async () => {
  for (const shell of ['bash', 'zsh', 'fish'] as const) {
    const { code, stdout, stderr } = await runCli(['completion', shell]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(process.execPath);
    expect(stdout).toContain(' complete -- ');
  }
  expect(await runCli(['completion', 'tcsh'])).toMatchObject({ code: 2 });
});

test('a path with quotes is one word of the script', async () => {
  const script = makeShellScript('bash', ['/opt/my node', "/srv/o'clock/main.js"]);
  expect(script).toContain(`'/opt/my node' '/srv/o'\\''clock/main.js' complete`);
  expect(makeShellScript('fish', ["a'b\\"])).toContain(`'a\\'b\\\\' complete`);
});
