import { join } from 'node:path';
import { expect, test } from 'vitest';
import { requireSafePath } from '../../../src/replica/paths.js';
import { listVersions, readVersion } from '../../../src/transport/git/list.js';
import { Repository } from '../../../src/transport/git/repository.js';
import { compileProgram } from '../../harness/compile.js';
import { makeTestDir } from '../../harness/tmp.js';
import { recordUntilKilled } from '../record-until-killed.js';
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
      // The moments spread over a record and the packing after every fifth.
      const moment = 1 + Math.floor(Math.random() * 150) + (kill % 4) * 30;
      const args = [compileProgram(program), gitDir, String(recorded + 1)];
      recorded = Math.max(recorded, await recordUntilKilled(args, kill, moment));
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
