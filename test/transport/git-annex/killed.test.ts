import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { requireSafePath } from '../../../src/replica/paths.js';
import { makeKey } from '../../../src/transport/git-annex/key.js';
import { compileProgram } from '../../harness/compile.js';
import { recordUntilKilled } from '../record-until-killed.js';
import { never, photos } from '../site.js';
import { annexIsMissing, makeAnnexSite } from './site.js';

const run = promisify(execFile);
const program = new URL('./recording-process.ts', import.meta.url);
/** HISTORY_KILLS=100 for the long form. */
const kills = Number(process.env['HISTORY_KILLS'] ?? 6);

test.skipIf(annexIsMissing !== undefined)(
  'SIGKILL at any moment loses no recorded version, and leaves an annex that works and is whole',
  async () => {
    const site = await makeAnnexSite();
    try {
      const path = requireSafePath(`${photos.path}/film.mp4`);
      let recorded = -1;
      for (let kill = 0; kill < kills; kill++) {
        // The moments spread over several records and the cleaning after every fifth.
        const moment = 1 + Math.floor(Math.random() * 400) + (kill % 4) * 300;
        const args = [compileProgram(program), site.root, site.stateDir, String(recorded + 1)];
        recorded = Math.max(recorded, await recordUntilKilled(args, kill, moment));
        const history = site.reopen();
        await history.open(never);
        const versions = await history.list(path, 1_000, never);
        const stored = new Set(
          versions.flatMap(({ as, version }) => (as === 'stored' ? version : [])),
        );
        for (let number = 0; number <= recorded; number++)
          expect(stored).toContain(`v${String(number)}`);
        await history.maintain(never);
        for (const version of versions.slice(0, 3)) await site.read(version);
        const cwd = history.annexPlace;
        const key = versions[0]?.info && makeKey(versions[0].info);
        if (key) await run('git', ['annex', 'fsck', '--key', key, '--quiet'], { cwd });
        const { stdout } = await run('git', ['fsck', '--strict', '--no-dangling'], { cwd });
        expect(stdout).toBe('');
      }
      expect(recorded).toBeGreaterThan(0);
    } finally {
      await site.close();
    }
  },
  600_000,
);
