import { spawn } from 'node:child_process';
import { cp, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, inject, test } from 'vitest';
import { makeOrdinaryUser, ordinaryUserIsMissing } from '../harness/ordinary-user.js';

const project = fileURLToPath(new URL('../../', import.meta.url));
const missing = await ordinaryUserIsMissing();

/** The same tests, whole, by a user who is not root: sshd, rsync, ssh and the app are all his. */
test.skipIf(missing !== undefined || process.getuid?.() !== 0)(
  `a save reaches the other hosts as an ordinary user too${missing === undefined ? '' : ` (skipped: ${missing})`}`, async () => {
    const user = await makeOrdinaryUser();
    try {
      const copy = join(user.home, 'project');
      await mkdir(copy);
      for (const name of ['src', 'test', 'scripts', 'package.json', 'tsconfig.json', 'vitest.config.ts']) {
        await cp(join(project, name), join(copy, name), { recursive: true });
      }
      await symlink(join(project, 'node_modules'), join(copy, 'node_modules'));
      await user.own(copy);
      const vitest = join(project, 'node_modules/vitest/vitest.mjs');
      const [program, args] = user.command(process.execPath, [vitest, 'run', '--configLoader', 'runner', '--root', copy, 'test/flow/save.test.ts', '-t', 'named file|from any|sweep|burst']);
      const env: NodeJS.ProcessEnv = { ...process.env, HOME: user.home, USER: user.name, LOGNAME: user.name, MONGODB_URI: inject('database').uri, NO_COLOR: '1' };
      // Its files mark what they start themselves, and end what has that mark.
      delete env.TEST_FILE_MARK;
      const child = spawn(program, args, { cwd: copy, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: 100_000, killSignal: 'SIGKILL' });
      let output = '';
      const collect = (chunk: Buffer): void => { output += chunk.toString(); };
      child.stdout.on('data', collect);
      child.stderr.on('data', collect);
      const code = await new Promise((resolve) => { child.on('close', resolve); });
      expect(output).toMatch(/5 passed, 0 failed/);
      expect(code).toBe(0);
    } finally { await user.remove(); }
  }, 120_000);
