import { execFile, spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, inject, test } from 'vitest';
import { makeOrdinaryUser, ordinaryUserIsMissing } from '../harness/ordinary-user.js';

const run = promisify(execFile);
const project = fileURLToPath(new URL('../../', import.meta.url));
const tests = fileURLToPath(new URL('./save.test.ts', import.meta.url));
const missing = await ordinaryUserIsMissing();

/** The same tests, whole, by a user who is not root: sshd, rsync, ssh and the app are all his. */
test.skipIf(missing !== undefined || process.getuid?.() !== 0)(
  `a save reaches the other hosts as an ordinary user too${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  async () => {
    const user = await makeOrdinaryUser();
    try {
      const copy = join(user.home, 'project');
      await mkdir(copy);
      // All that he needs is copied, Node too: root's own files may lie where only root may read,
      // or be root's alone by their modes.
      const names = [
        'src',
        'gate',
        'test',
        'scripts',
        'node_modules',
        'package.json',
        'tsconfig.json',
        'vitest.config.ts',
      ];
      await run('cp', ['-RP', '--', ...names.map((name) => join(project, name)), copy]);
      await run('cp', ['-L', '--', process.execPath, join(copy, 'node')]);
      await user.own(copy);
      const [program, args] = user.command(join(copy, 'node'), [
        join(copy, 'node_modules/vitest/vitest.mjs'),
        'run',
        '--configLoader',
        'runner',
        '--root',
        copy,
        relative(project, tests),
        '-t',
        'named file|from any|rescan|burst',
      ]);
      const env: NodeJS.ProcessEnv = {
        ...process.env,
        HOME: user.home,
        USER: user.name,
        LOGNAME: user.name,
        MONGODB_URI: inject('database').uri,
        NO_COLOR: '1',
      };
      // Its files mark the processes that they start, and end those with that mark.
      delete env.TEST_FILE_MARK;
      const child = spawn(program, args, {
        cwd: copy,
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: 240_000,
        killSignal: 'SIGKILL',
      });
      let output = '';
      const collect = (chunk: Buffer): void => {
        output += chunk.toString();
      };
      child.stdout.on('data', collect);
      child.stderr.on('data', collect);
      const code = await new Promise((resolve) => {
        child.on('close', resolve);
      });
      expect(output).toMatch(/5 passed, 0 failed/);
      expect(code).toBe(0);
    } finally {
      await user.remove();
    }
  },
  300_000,
);
