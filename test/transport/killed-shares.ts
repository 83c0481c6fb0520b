import { execFile } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { requireSafePath } from '../../src/replica/paths.js';
import type { Backend } from '../../src/transport/backend.js';
import type { BackendName } from '../../src/model/backend-name.js';
import type { History } from '../../src/transport/history.js';
import type { BackendOptions } from '../../src/transport/options.js';
import { gateIsMissing } from '../gate/confined.js';
import { compileProgram } from '../harness/compile.js';
import { until } from '../harness/wait.js';
import { openHistoryThere } from './contract/histories.js';
import { readAll, sha256 } from './git/site.js';
import {
  listFiles,
  describeProcess,
  listProcessesAt,
  makeLocksOld,
  makeOld,
  shareUntilKilled,
} from './share-until-killed.js';
import type { SharingOptions } from './sharing-process.js';
import { makeSite, never, photos } from './site.js';

const run = promisify(execFile);
const program = new URL('./sharing-process.ts', import.meta.url);
/** HISTORY_KILLS=100 for the long form. */
const kills = Number(process.env['HISTORY_KILLS'] ?? 4);
const path = requireSafePath(`${photos.path}/film.mp4`);
/** Nobody continues what is older, in seconds. */
const FORGOTTEN_FOR = 2 * 24 * 60 * 60;

/** What a backend's history has to survive while it is sent to another host. */
export function describeKilledShares(
  backendName: BackendName,
  create: (options: BackendOptions) => Backend,
): void {
  describe.skipIf(gateIsMissing !== undefined)(`the history of ${backendName}`, () => {
    test(
      'SIGKILL of the sender or the receiver loses no version, and blocks no later share',
      async () => {
        const site = await makeSite(create, { confined: true, backendName });
        let there: Backend | undefined;
        try {
          const { history } = site.backend;
          const [other] = site.hosts;
          if (!other) throw new Error('this site has another host');
          there = await openHistoryThere(site, create, other);
          if (!history || !there.history) throw new Error('this backend keeps no history');
          await history.open(never);
          const [here, away] = [listPlaces(history), listPlaces(there.history)];
          const file = join(site.here, '../sharing.json');
          const options: SharingOptions = {
            ...{ backendName, root: site.here, path, host: site.host },
            stateDir: join(site.here, '../state'),
            identityFile: site.identityFile,
          };
          await writeFile(file, JSON.stringify(options));
          let recorded = -1,
            shared = -1;
          for (let kill = 0; kill < kills; kill++) {
            const moment = Math.floor(Math.random() * 400);
            const args = [compileProgram(program), file, String(recorded + 1)];
            const reached = await shareUntilKilled(args, away, kill, moment);
            const from = recorded;
            recorded = Math.max(recorded, reached.recorded);
            shared = Math.max(shared, reached.shared);
            // The next leader ends what outlived the sender. What it had started there ends then.
            await history.open(never);
            await until(
              () => {
                const [pid] = listProcessesAt([...here, ...away]);
                if (pid !== undefined) throw new Error(`${describeProcess(pid)} is at work there`);
                return true;
              },
              { timeout: 50_000, what: 'the end of all processes at the repositories' },
            );
            await makeLocksOld(away);
            await expectVersions(history, recorded, from);
            await expectVersions(there.history, shared, from);
            await until(async () => {
              const failure = await history.share(site.host, never);
              if (failure) throw new Error(failure.message);
              return true;
            });
            await expectVersions(there.history, recorded, recorded - 1);
            for (const place of [...here, ...away]) {
              expect((await listFiles(place)).filter((name) => name.endsWith('.lock'))).toEqual([]);
              const { stdout } = await run('git', [
                `--git-dir=${place}`,
                ...['fsck', '--strict', '--no-dangling'],
              ]);
              expect(stdout).toBe('');
            }
          }
          expect(shared).toBeGreaterThan(0);
          await expectVersions(there.history, recorded, -1);
          for (const one of [history, there.history]) await expectTidy(one);
          await expectVersions(there.history, recorded, -1);
        } finally {
          await there?.close();
          await site.close();
        }
      },
      600_000 + kills * 60_000,
    );
  });
}

function listPlaces({ place, annexPlace }: History): string[] {
  return annexPlace === undefined ? [place] : [place, annexPlace];
}

/** Expects all versions up to one, and the bytes of those after another one. */
async function expectVersions(history: History, last: number, after: number): Promise<void> {
  const versions = new Map(
    (await history.list(path, 100_000, never)).map((one) => [one.version, one]),
  );
  for (let number = 0; number <= last; number++) {
    const version = versions.get(`v${String(number)}`);
    expect(version?.as, `version ${String(number)} of ${String(last)}`).toBe('stored');
    if (!version || number <= after) continue;
    expect(sha256(await readAll(history.read(version, never)))).toBe(
      sha256(Buffer.alloc(300_000, `content ${String(number)} `)),
    );
  }
}

/** Expects that cleaning removes what the killed programs left, once it is old. */
async function expectTidy(history: History): Promise<void> {
  const isUnfinished = (file: string): boolean =>
    /\/(tmp_|annex\/tmp\/|syncmedia-tmp\/)/.test(file);
  for (const place of listPlaces(history))
    for (const file of await listFiles(place))
      if (isUnfinished(file)) await makeOld(file, FORGOTTEN_FOR);
  await history.maintain(never);
  for (const place of listPlaces(history)) {
    expect((await listFiles(place)).filter(isUnfinished)).toEqual([]);
    expect(await readdir(place)).not.toContain('gc.pid');
  }
}
