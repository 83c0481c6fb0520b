import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { gateIsMissing } from '../gate/confined.js';
import { compileProgram } from '../harness/compile.js';
import { until } from '../harness/wait.js';
import { annexIsMissing } from '../transport/git-annex/site.js';
import { restoreUntilKilled, startRestoring } from './restore-until-killed.js';
import { dir, openSite, type Machine } from './site.js';

const run = promisify(execFile);
const program = new URL('restoring-app.ts', import.meta.url);
/** HISTORY_KILLS=100 for the long form. */
const kills = Number(process.env['HISTORY_KILLS'] ?? 4);
const file = `${dir}/film.mp4`;
const contents = ['first', 'second', 'third'].map((text) => `${text} `.repeat(200_000));
const sha256 = (content: string): string => createHash('sha256').update(content).digest('hex');

describe.each([
  ['git', gateIsMissing, ['git']],
  ['git-annex', gateIsMissing ?? annexIsMissing, ['git', 'annex']],
])('restores with %s', (backend, isMissing, places) => {
  test.skipIf(isMissing !== undefined)(
    'SIGKILL at each step of a restore leaves a whole file, every version, and restores that work',
    async () => {
      const site = await openSite({
        hosts: ['one'],
        environment: { SYNCMEDIA_BACKEND: backend, SYNCMEDIA_ANNEX_LARGER_THAN: '1K' },
        // What a kill leaves beside the file is resolved by a scan.
        tuning: { scanChangedMs: 1_000, leftoverMs: 1_000 },
      });
      const [one] = site.machines as [Machine];
      const readNow = async (): Promise<string> => sha256((await one.read(file)) ?? '');
      const list = (): ReturnType<typeof one.app.sync.history.list> =>
        one.app.sync.history.list(file, 100_000);
      const untilRecorded = (count: number): Promise<unknown> =>
        until(
          async () => {
            const { captures, hosts } = await one.app.sync.status();
            const isRecorded = captures === 0 && hosts[0]?.history?.unrecorded === 0;
            return isRecorded && (await list()).length >= count;
          },
          { timeout: 60_000, what: `${String(count)} recorded versions` },
        );
      const start = (): ReturnType<typeof startRestoring> =>
        startRestoring([compileProgram(program), site.database.uri, dir, file], {
          ...process.env,
          ...one.environment,
        });
      // The next one loads its code while the site recovers from the kill of the last one.
      let restoring = start();
      try {
        for (const [index, content] of contents.entries()) {
          await one.write(file, content);
          await one.app.Photo.create({ title: 'a film', file });
          await untilRecorded(index + 1);
        }
        let known = new Set<string>();
        for (let kill = 0; kill < kills; kill++) {
          await one.app.close();
          await restoreUntilKilled(restoring, one.path(dir), one.path(file), kill);
          restoring = start();
          // What a visitor gets is one of the versions, whole.
          expect(contents.map(sha256)).toContain(await readNow());
          one.app = await one.startApp();
          await untilRecorded(known.size);
          expect(contents.map(sha256)).toContain(await readNow());
          const versions = await list();
          const names = new Set(versions.map(({ version }) => version));
          for (const name of known) expect(names).toContain(name);
          expect(versions.every(({ as }) => as === 'stored')).toBe(true);
          known = names;
          // The scan may find what the killed process placed, and change the entry meanwhile.
          await until(
            async () => {
              const now = await readNow();
              const other = versions.find(({ info }) => info?.sha256 !== now);
              await one.app.sync.history.restore(file, other?.revision ?? '', { dryRun: false });
              return (await readNow()) === other?.info?.sha256;
            },
            { timeout: 60_000, what: 'a restore after the kill' },
          );
          await untilRecorded(known.size + 1);
          await expectSound(places.map((place) => join(one.ssh.stateDir, place)));
        }
        const versions = await list();
        for (const { revision, info } of [...versions.slice(0, 3), ...versions.slice(-3)]) {
          const hash = createHash('sha256');
          for await (const bytes of await one.app.sync.history.read(file, revision))
            hash.update(bytes);
          expect(hash.digest('hex')).toBe(info?.sha256);
        }
        // The replaced files are resolved; unfinished ones are cleaned like those of deliveries.
        await until(async () => (await one.listArea('replaced')).length === 0, { timeout: 60_000 });
        for (const name of await readdir(join(one.ssh.root, dir)))
          expect(['.syncmedia', 'film.mp4']).toContain(name);
        expect(await readFile(one.path(`${dir}/.syncmedia/id`), 'utf8')).not.toBe('');
      } finally {
        restoring.child.kill('SIGKILL');
        await restoring.ended;
        await site.close();
      }
    },
    300_000 + kills * 30_000,
  );
});

/** Expects that repositories have no fault, and no lock that stays. */
async function expectSound(places: readonly string[]): Promise<void> {
  for (const place of places) {
    await until(async () => {
      const files = await readdir(place, { recursive: true });
      return files.every((name) => !name.endsWith('.lock'));
    });
    const { stdout } = await run('git', [
      `--git-dir=${place}`,
      ...['fsck', '--strict', '--no-dangling'],
    ]);
    expect(stdout).toBe('');
  }
}
