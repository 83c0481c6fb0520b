import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { RecordRequest } from '../../../src/model/history.js';
import { requireSafePath } from '../../../src/replica/paths.js';
import { listVersions, readVersion } from '../../../src/transport/git/list.js';
import { maintainRepository } from '../../../src/transport/git/maintain.js';
import { recordVersions } from '../../../src/transport/git/record.js';
import { Repository } from '../../../src/transport/git/repository.js';
import { compileProgram } from '../../harness/compile.js';
import { makeTestDir } from '../../harness/tmp.js';
import { until } from '../../harness/wait.js';
import { recordUntilKilled } from '../record-until-killed.js';
import { listFiles } from '../share-until-killed.js';
import { never } from '../site.js';
import { limits, readAll } from './site.js';

const program = new URL('./recording-process.ts', import.meta.url);
/** HISTORY_KILLS=100 for the long form. */
const kills = Number(process.env['HISTORY_KILLS'] ?? 8);
const path = requireSafePath('uploads/photos/a.jpg');

test(
  'SIGKILL at any moment loses no recorded version and leaves no lock that blocks',
  async () => {
    const dir = await makeTestDir();
    try {
      const gitDir = join(dir.path, 'git');
      let recorded = -1;
      for (let kill = 0; kill < kills; kill++) {
        // The moments spread over a record and the packing after every fifth.
        const moment = 1 + Math.floor(Math.random() * 150) + (kill % 4) * 30;
        const args = [compileProgram(program), gitDir, String(recorded + 1)];
        recorded = Math.max(recorded, await recordUntilKilled(args, [gitDir], kill, moment));
        const repository = new Repository(gitDir, 'host-a', 30_000);
        // The next leader can record and clean. A git that outlived the process may delay it.
        const context = { repository, limits, replica: undefined as never, hostname: 'one' };
        const next = makeRequest(`next${String(kill)}`);
        await until(
          async () => {
            await repository.open(never);
            const unrecorded = await recordVersions(context, [next], never);
            await maintainRepository(repository, limits, never);
            const files = await listFiles(gitDir);
            return unrecorded.length === 0 && files.every((name) => !name.endsWith('.lock'));
          },
          { timeout: 60_000, what: 'a record and a cleaning without locks' },
        );
        const versions = await listVersions(repository, path, 100_000, never);
        const names = new Set(versions.map(({ version }) => version));
        for (let number = 0; number <= recorded; number++)
          expect(names).toContain(`v${String(number)}`);
        for (let number = 0; number <= kill; number++)
          expect(names).toContain(`next${String(number)}`);
        const { output } = await repository.run(['fsck', '--strict', '--no-dangling'], {
          signal: never,
          doing: 'checking',
        });
        expect(output.toString()).toBe('');
        // The reader compares the bytes with the sha256.
        const toRead = kill === kills - 1 ? versions : versions.slice(0, 3);
        for (const version of toRead) await readAll(readVersion(repository, version, never));
      }
      expect(recorded).toBeGreaterThan(0);
    } finally {
      await dir.remove();
    }
  },
  300_000 + kills * 30_000,
);

function makeRequest(version: string): RecordRequest {
  const bytes = Buffer.from(`content of ${version}`.repeat(2_000));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { path, version, at: new Date(), info: { size: bytes.length, mtime: 1, sha256 }, bytes };
}
