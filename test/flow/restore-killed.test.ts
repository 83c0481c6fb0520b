import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { gateIsMissing } from '../gate/confined.js';
import { compileProgram } from '../harness/compile.js';
import { until } from '../harness/wait.js';
import { annexIsMissing } from '../transport/git-annex/site.js';
import { dir, openSite, type Machine } from './site.js';

const program = new URL('restoring-app.ts', import.meta.url);
/** HISTORY_KILLS=100 for the long form. */
const kills = Number(process.env['HISTORY_KILLS'] ?? 3);
const file = `${dir}/film.mp4`;
const contents = ['first', 'second', 'third'].map((text) => `${text} `.repeat(200_000));
const sha256 = (content: string): string => createHash('sha256').update(content).digest('hex');

describe.each([
  ['git', gateIsMissing],
  ['git-annex', gateIsMissing ?? annexIsMissing],
])('restores with %s', (backend, isMissing) => {
  test.skipIf(isMissing !== undefined)(
    'SIGKILL while a version is placed leaves a whole file, every version, and restores that work',
    async () => {
      const site = await openSite({
        hosts: ['one'],
        environment: { SYNCMEDIA_BACKEND: backend, SYNCMEDIA_ANNEX_LARGER_THAN: '1K' },
      });
      const [one] = site.machines as [Machine];
      const untilRecorded = (count: number): Promise<unknown> =>
        until(
          async () => {
            const {
              captures,
              hosts: [host],
            } = await one.app.sync.status();
            if (captures > 0) return false;
            const versions = await one.app.sync.history.list(file, 10_000);
            return host?.history?.unrecorded === 0 && versions.length >= count;
          },
          { timeout: 60_000, what: `${String(count)} recorded versions` },
        );
      try {
        for (const [index, content] of contents.entries()) {
          // A scan could capture a part of a file that is written in place, and then no copy of
          // that part would be left to record.
          await one.write(`${file}.tmp`, content);
          await rename(one.path(`${file}.tmp`), one.path(file));
          await one.app.Photo.create({ title: 'a film', file });
          await untilRecorded(index + 1);
        }
        let known = new Set<string>();
        for (let kill = 0; kill < kills; kill++) {
          await one.app.close();
          const args = [compileProgram(program), site.database.uri, dir, file];
          const child = spawn(process.execPath, args, {
            env: { ...process.env, ...one.environment },
            stdio: ['ignore', 'pipe', 'inherit'],
          });
          let output = '';
          child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
          const ended = new Promise((resolve) => child.on('close', resolve));
          try {
            await until(() => output.includes('started'), { timeout: 60_000 });
            const began = performance.now(),
              moment = Math.random() * 1_500;
            await until(() => performance.now() >= began + moment, { interval: 1 });
          } finally {
            child.kill('SIGKILL');
            await ended;
          }
          // What a visitor gets is one of the versions, whole.
          const found = sha256((await one.read(file)) ?? '');
          expect(contents.map(sha256)).toContain(found);
          one.app = await one.startApp();
          // The killed restore may have placed a file that no entry has. Otherwise the next scan
          // would find it, and a restore of what the entry has would make no version.
          await one.app.sync.capture([file]);
          await untilRecorded(known.size);
          const versions = await one.app.sync.history.list(file, 10_000);
          const names = new Set(versions.map(({ version }) => version));
          for (const name of known) expect(names).toContain(name);
          expect(versions.filter(({ as }) => as !== 'stored')).toEqual([]);
          known = names;
          const other = versions.find(({ info }) => info?.sha256 !== found);
          await one.app.sync.history.restore(file, other?.revision ?? '', { dryRun: false });
          expect(sha256((await one.read(file)) ?? '')).toBe(other?.info?.sha256);
          await untilRecorded(known.size + 1);
        }
        const versions = await one.app.sync.history.list(file, 10_000);
        for (const { revision, info } of versions.slice(-contents.length)) {
          const hash = createHash('sha256');
          for await (const bytes of await one.app.sync.history.read(file, revision))
            hash.update(bytes);
          expect(hash.digest('hex')).toBe(info?.sha256);
        }
        // The replaced files are resolved; unfinished ones are cleaned like those of deliveries.
        await until(async () => (await one.listArea('replaced')).length === 0);
        for (const name of await readdir(join(one.ssh.root, dir)))
          expect(['.syncmedia', 'film.mp4']).toContain(name);
        expect(await readFile(one.path(`${dir}/.syncmedia/id`), 'utf8')).not.toBe('');
      } finally {
        await site.close();
      }
    },
    3_000_000,
  );
});
