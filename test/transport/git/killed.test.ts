import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { requireSafePath } from '../../../src/replica/paths.js';
import { listVersions, readVersion } from '../../../src/transport/git/list.js';
import { Repository } from '../../../src/transport/git/repository.js';
import { compileProgram } from '../../harness/compile.js';
import { makeTestDir } from '../../harness/tmp.js';
import { never } from '../site.js';
import { readAll } from './site.js';

const program = new URL('./recording-process.ts', import.meta.url);
/** HISTORY_KILLS=100 for the long form. */
const kills = Number(process.env['HISTORY_KILLS'] ?? 8);

test('SIGKILL at any moment loses no recorded version and leaves no lock that blocks', async () => {
  const dir = await makeTestDir();
  try {
    const gitDir = join(dir.path, 'git');
    const path = requireSafePath('uploads/photos/a.jpg');
    let recorded = -1;
    for (let kill = 0; kill < kills; kill++) {
      recorded = Math.max(recorded, await recordUntilKilled(gitDir, recorded + 1, kill));
      const repository = new Repository(gitDir, 'host-a', 30_000);
      await repository.open(never);
      const versions = await listVersions(repository, path, 1_000, never);
      const names = new Set(versions.map(({ version }) => version));
      for (let number = 0; number <= recorded; number++)
        expect(names).toContain(`v${String(number)}`);
      const [newest] = versions;
      if (newest) await readAll(readVersion(repository, newest, never));
      const { output } = await repository.run(['fsck', '--strict', '--no-dangling'], {
        signal: never,
        doing: 'checking',
      });
      expect(output.toString()).toBe('');
    }
    expect(recorded).toBeGreaterThan(0);
  } finally {
    await dir.remove();
  }
}, 600_000);

/** Kills the process group at another moment each time. Returns the last recorded version. */
async function recordUntilKilled(gitDir: string, first: number, kill: number): Promise<number> {
  const child = spawn(process.execPath, [compileProgram(program), gitDir, String(first)], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  const ended = new Promise<void>((resolve) => {
    child.on('close', () => {
      resolve();
    });
  });
  // The moments spread over a record and the packing after every fifth.
  const moment = 1 + Math.floor(Math.random() * 150) + (kill % 4) * 30;
  let timer: NodeJS.Timeout | undefined;
  const strike = (): void => {
    // Every other time git dies first, and the process that started it ends because of that. A git
    // that had just exited dies of nothing, so the next one has to.
    if (kill % 2 === 1) child.kill('SIGKILL');
    else timer = setTimeout(strike, killChildren(child.pid) ? 100 : 1);
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (output.includes('open')) timer ??= setTimeout(strike, moment);
  });
  await ended;
  clearTimeout(timer);
  const lines = output.split('\n').slice(0, -1);
  return Math.max(-1, ...lines.map(Number).filter((number) => !Number.isNaN(number)));
}

/** Whether there were any. */
function killChildren(pid: number | undefined): boolean {
  try {
    const children = readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8')
      .split(' ')
      .filter((one) => /^\d+$/.test(one));
    for (const one of children) process.kill(Number(one), 'SIGKILL');
    return children.length > 0;
  } catch (error) {
    // The process or its git has ended by itself.
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}
