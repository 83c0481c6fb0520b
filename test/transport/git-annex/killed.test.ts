import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { requireSafePath } from '../../../src/replica/paths.js';
import { makeKey } from '../../../src/transport/git-annex/key.js';
import { compileProgram } from '../../harness/compile.js';
import { until } from '../../harness/wait.js';
import { recordUntilKilled } from '../record-until-killed.js';
import { listFiles } from '../share-until-killed.js';
import { never, photos } from '../site.js';
import { annexIsMissing, makeAnnexSite, makeLarge } from './site.js';

const run = promisify(execFile);
const program = new URL('./recording-process.ts', import.meta.url);
/** HISTORY_KILLS=100 for the long form. */
const kills = Number(process.env['HISTORY_KILLS'] ?? 6);
const name = 'film.mp4';

test.skipIf(annexIsMissing !== undefined)(
  'SIGKILL at any moment loses no recorded version, and leaves an annex that works and is whole',
  async () => {
    const site = await makeAnnexSite();
    try {
      const path = requireSafePath(`${photos.path}/${name}`);
      const places = [site.history.place, site.history.annexPlace];
      let recorded = -1;
      for (let kill = 0; kill < kills; kill++) {
        // The moments spread over several records and the cleaning after every fifth.
        const moment = 1 + Math.floor(Math.random() * 400) + (kill % 4) * 300;
        const args = [compileProgram(program), site.root, site.stateDir, String(recorded + 1)];
        recorded = Math.max(recorded, await recordUntilKilled(args, places, kill, moment));
        const history = site.reopen();
        // The next leader can record and clean. A git that outlived the process may delay it.
        const next = `next${String(kill)}`;
        const request = await site.save(name, makeLarge(next), next);
        await until(
          async () => {
            await history.open(never);
            const unrecorded = await history.record([request], never);
            await history.maintain(never);
            const files = (await Promise.all(places.map(listFiles))).flat();
            return unrecorded.length === 0 && files.every((file) => !file.endsWith('.lock'));
          },
          { timeout: 120_000, what: 'a record and a cleaning without locks' },
        );
        const versions = await history.list(path, 100_000, never);
        const stored = new Set(
          versions.flatMap(({ as, version }) => (as === 'stored' ? version : [])),
        );
        for (let number = 0; number <= recorded; number++)
          expect(stored).toContain(`v${String(number)}`);
        for (let number = 0; number <= kill; number++)
          expect(stored).toContain(`next${String(number)}`);
        // The reader compares the bytes with the sha256.
        const toRead = kill === kills - 1 ? versions : versions.slice(0, 3);
        for (const version of toRead) await site.read(version);
        const key = versions[0]?.info && makeKey(versions[0].info);
        const cwd = history.annexPlace;
        if (key) await run('git', ['annex', 'fsck', '--key', key, '--quiet'], { cwd });
        for (const place of places) {
          const { stdout } = await run('git', ['fsck', '--strict', '--no-dangling'], {
            cwd: place,
          });
          expect(stdout).toBe('');
        }
      }
      expect(recorded).toBeGreaterThan(0);
    } finally {
      await site.close();
    }
  },
  300_000 + kills * 30_000,
);
