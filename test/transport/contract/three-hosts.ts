import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Change } from '../../../src/model/change.js';
import type { Path } from '../../../src/model/path.js';
import type { SyncDir } from '../../../src/model/sync-dir.js';
import type { Backend } from '../../../src/transport/backend.js';
import type { BackendOptions } from '../../../src/transport/options.js';
import { Ssh } from '../../../src/transport/ssh/ssh.js';
import { requireSafePath } from '../../../src/replica/paths.js';
import { until } from '../../harness/wait.js';
import { hostileNames as namesForGit } from '../git/site.js';
import {
  changeOf,
  differences,
  namesIn,
  never,
  photos,
  put,
  removalOf,
  results,
  type OtherHost,
  type Site,
} from '../site.js';
import type { Histories } from './histories.js';
import { hostileNames } from './names.js';

/** The second of the other hosts has no such sync dir. */
export const films: SyncDir = { ...photos, path: requireSafePath('uploads/films') };
export const hasFilms = (host: number): boolean => host !== 1;

const dir = photos.path;

/**
 * What every backend has to do with three hosts at once, each of them a real sshd. What a backend's
 * history then holds is checked with the same tests.
 */
export function describeThreeHosts(
  site: () => Site,
  histories: () => Histories,
  create: (options: BackendOptions) => Backend,
): void {
  const onEach = <T>(work: (host: OtherHost) => Promise<T>): Promise<T[]> =>
    Promise.all(site().hosts.map(work));
  const hostAt = (number: number): OtherHost => {
    const host = site().hosts[number];
    if (!host) throw new Error('this site has three hosts');
    return host;
  };
  const onAll = <T>(value: T): T[] => site().hosts.map(() => value);
  /** Sends changes to the three hosts at once, and records them. */
  const send = async (
    changes: readonly Change[],
    backend = site().backend,
  ): Promise<Record<string, string>[]> => {
    const answers = await onEach(({ host }) => results(backend.send(host, changes, never)));
    await histories().record(changes);
    return answers;
  };
  /** Writes files here, and answers with the changes that bring them to the other hosts. */
  const write = async (
    files: Readonly<Record<string, string | Buffer>>,
    mtime = 1_500_000_000,
    inDir = photos,
  ): Promise<Change[]> => {
    const changes: Change[] = [];
    for (const [name, content] of Object.entries(files)) {
      await put(site().here, `${inDir.path}/${name}`, content, mtime);
      changes.push(await changeOf(site().here, `${inDir.path}/${name}`, undefined, inDir));
    }
    return changes;
  };
  const deliveredAll = (changes: readonly Change[]): Record<string, string> =>
    Object.fromEntries(changes.map(({ path }) => [path, 'delivered']));
  const compareAll = (by: 'time' | 'bytes' = 'bytes'): Promise<Record<string, string>[]> =>
    onEach(({ host }) => differences(site().backend.compare(host, photos, by, never)));

  describe('three hosts at once', () => {
    beforeEach(async () => {
      await onEach((host) => host.reset());
    });

    test('put: small and large files are at every host, with their bytes', async () => {
      const changes = await write({
        'empty.jpg': '',
        'small.jpg': 'small',
        'middle.jpg': fill(300_000, 'middle'),
        'large.mp4': fill(2_500_000, 'large'),
      });
      expect(await send(changes)).toEqual(onAll(deliveredAll(changes)));
      expect(await onEach(({ root }) => readTree(root))).toEqual(
        onAll(await readTree(site().here)),
      );
      await histories().expectAll();
    });

    test('replace: every host has the new bytes, and the old ones in its trash', async () => {
      const names = ['small.jpg', 'large.mp4'];
      for (const [when, mtime] of [
        ['old', 1_400_000_000],
        ['new', 1_500_000_000],
      ] as const) {
        const changes = await write(
          Object.fromEntries(names.map((name) => [name, fill(5_000, `${when} ${name}`)])),
          mtime,
        );
        for (const { path } of changes) site().resolutions.set(path, 'trash');
        expect(await send(changes)).toEqual(onAll(deliveredAll(changes)));
      }
      expect(await onEach(({ root }) => readTree(root))).toEqual(
        onAll(await readTree(site().here)),
      );
      expect(await onEach(({ root }) => readArea(root, 'trash'))).toEqual(
        onAll(names.map((name) => fill(5_000, `old ${name}`).toString()).sort()),
      );
      await histories().expectAll();
    });

    test('delete: a removed file is gone from every host, and in its trash', async () => {
      const changes = await write({ 'gone.jpg': 'gone', 'stays.jpg': 'stays' });
      await send(changes);
      const path = `${dir}/gone.jpg`;
      await rm(join(site().here, path));
      site().resolutions.set(path as Path, 'trash');
      expect(await send([removalOf(path)])).toEqual(onAll({ [path]: 'delivered' }));
      expect(await onEach(({ root }) => namesIn(join(root, dir)))).toEqual(
        onAll(['.syncmedia', 'stays.jpg']),
      );
      expect(await onEach(({ root }) => readArea(root, 'trash'))).toEqual(onAll(['gone']));
      await histories().expectAll();
    });

    test('tree: deep folders with many files are the same at every host', async () => {
      const files: Record<string, string> = {};
      for (let number = 0; number < 30; number++)
        files[`${String(number % 3)}/${String(number % 5)}/deep er/${String(number)}.jpg`] =
          `file ${String(number)}`;
      const changes = await write(files);
      expect(await send(changes)).toEqual(onAll(deliveredAll(changes)));
      expect(await onEach(({ root }) => readTree(root))).toEqual(
        onAll(await readTree(site().here)),
      );
      expect(await compareAll()).toEqual(onAll({}));
      await histories().expectAll();
    });

    test('host down and back: the others get the file at once, and it does when it is back', async () => {
      const down = hostAt(1);
      await down.there.stop();
      const changes = await write({ 'meanwhile.jpg': 'meanwhile' });
      const path = `${dir}/meanwhile.jpg`;
      expect(await send(changes)).toEqual([
        { [path]: 'delivered' },
        { [path]: 'failed: HOST_UNREACHABLE of host' },
        { [path]: 'delivered' },
      ]);
      await down.there.start();
      expect(await namesIn(join(down.root, dir))).toEqual(['.syncmedia']);
      expect(await results(site().backend.send(down.host, changes, never))).toEqual({
        [path]: 'delivered',
      });
      expect(await onEach(({ root }) => readTree(root))).toEqual(
        onAll(await readTree(site().here)),
      );
      await histories().expectAll();
    });

    test('conflict: a file that nobody knows is kept at its host, and a newer one stays by the rule', async () => {
      const [first, second] = [hostAt(0), hostAt(1)];
      await put(first.root, `${dir}/unknown.jpg`, 'of the first', 1_400_000_000);
      await put(second.root, `${dir}/ruled.jpg`, 'newer', 1_600_000_000);
      const [unknown] = await write({ 'unknown.jpg': 'ours' });
      await write({ 'ruled.jpg': 'older' });
      const ruled = await changeOf(site().here, `${dir}/ruled.jpg`, 'newer');
      if (!unknown) throw new Error('a file was written');
      const answers = await send([unknown, ruled]);
      expect(answers.map((answer) => answer[ruled.path])).toEqual([
        'delivered',
        'kept',
        'delivered',
      ]);
      expect(answers.map((answer) => answer[unknown.path])).toEqual(onAll('delivered'));
      expect(await onEach(({ root }) => readFile(join(root, unknown.path), 'utf8'))).toEqual(
        onAll('ours'),
      );
      expect(await onEach(({ root }) => readArea(root, 'conflicts'))).toEqual([
        ['of the first'],
        [],
        [],
      ]);
      expect(await readFile(join(second.root, ruled.path), 'utf8')).toBe('newer');
      await histories().expectAll();
    });

    test('hostile names: 17 that mean something to git, and those that mean something to a shell', async () => {
      expect(namesForGit).toHaveLength(17);
      const names = [...namesForGit, ...hostileNames];
      const changes = await write(Object.fromEntries(names.map((name) => [name, `of ${name}`])));
      expect(await send(changes)).toEqual(onAll(deliveredAll(changes)));
      expect(await onEach(({ root }) => readTree(root))).toEqual(
        onAll(await readTree(site().here)),
      );
      expect(await compareAll()).toEqual(onAll({}));
      await histories().expectAll();
    });

    test('interrupted transfer: a large file that breaks off at every host arrives whole in the end', async () => {
      const changes = await write({ 'large.mp4': fill(8_000_000, 'interrupted') });
      const [slow, next] = [1_000, undefined].map((bandwidthLimit) =>
        create({
          ...site().options,
          ...{ bandwidthLimit, largeFileFrom: 1_000_000 },
          ssh: new Ssh({
            stateDir: join(site().here, '../state'),
            identityFile: site().identityFile,
            timeoutMs: 10_000,
            idleMs: 1_000,
          }),
        }),
      ) as [Backend, Backend];
      try {
        const abort = new AbortController();
        const sending = onEach(({ host }) => results(slow.send(host, changes, abort.signal)));
        await onEach(({ root }) =>
          until(async () => (await measureUnfinished(root)) > 500_000, {
            what: 'a part of the file',
          }),
        );
        // One host dies, another one is stopped, and the transfer to the third is cancelled.
        await Promise.all([hostAt(0).there.stop({ hard: true }), hostAt(1).there.stop()]);
        abort.abort();
        for (const answer of await sending)
          expect(answer).toEqual({
            [`${dir}/large.mp4`]: expect.stringMatching(/^failed: \w+ of host$/) as string,
          });
        expect(await onEach(({ root }) => namesIn(join(root, dir)))).toEqual(onAll(['.syncmedia']));
        for (const { there } of site().hosts) if (!there.running()) await there.start();
        expect(await send(changes, next)).toEqual(onAll(deliveredAll(changes)));
        expect(await onEach(({ root }) => readTree(root))).toEqual(
          onAll(await readTree(site().here)),
        );
        await histories().expectAll();
      } finally {
        await slow.close();
        await next.close();
      }
    });

    test('exclude: files that the rules exclude are no difference, and stay where they are', async () => {
      const changes = await write({ 'photo.jpg': 'photo' });
      const excluded = ['cache/thumb.jpg', 'deep/half.tmp'];
      for (const root of [site().here, ...site().hosts.map((host) => host.root)])
        for (const name of excluded) await put(root, `${dir}/${name}`, `${name} of ${root}`);
      expect(await compareAll('time')).toEqual(onAll({ [`${dir}/photo.jpg`]: 'only here' }));
      expect(await send(changes)).toEqual(onAll(deliveredAll(changes)));
      expect(await compareAll()).toEqual(onAll({}));
      for (const { root } of site().hosts)
        for (const name of excluded)
          expect(await readFile(join(root, dir, name), 'utf8')).toBe(`${name} of ${root}`);
      await histories().expectAll();
    });

    test('per-host sync dirs: a host gets the files of its own sync dirs, and no other folder', async () => {
      const photo = await write({ 'photo.jpg': 'photo' });
      const film = await write({ 'film.mp4': fill(5_000, 'film') }, undefined, films);
      expect(await onEach(({ host, dirs }) => site().backend.prepare(host, dirs, never))).toEqual(
        onAll(undefined),
      );
      const without = hostAt(1);
      expect(await site().backend.prepare(without.host, [films], never)).toMatchObject({
        scope: 'host',
      });
      expect(await send(photo)).toEqual(onAll(deliveredAll(photo)));
      const path = `${films.path}/film.mp4`;
      expect(await send(film)).toEqual([
        { [path]: 'delivered' },
        { [path]: expect.stringMatching(/^failed: \w+ of host$/) as string },
        { [path]: 'delivered' },
      ]);
      expect(await namesIn(join(without.root, 'uploads'))).toEqual(['photos']);
      await histories().expectAll();
    });
  });
}

function fill(size: number, text: string): Buffer {
  return Buffer.alloc(size, `${text} `);
}

/** Each file of the sync dir with the hash of its bytes. */
async function readTree(root: string): Promise<Record<string, string>> {
  const found: [string, string][] = [];
  const entries = await readdir(join(root, dir), { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const at = join(entry.parentPath, entry.name);
    if (!entry.isFile() || at.includes('/.syncmedia/')) continue;
    const hash = createHash('sha256').update(await readFile(at));
    found.push([at.slice(root.length + 1), hash.digest('hex')]);
  }
  return Object.fromEntries(found);
}

/** The contents of the files in an area, sorted. */
async function readArea(root: string, area: 'trash' | 'conflicts'): Promise<string[]> {
  const at = join(root, dir, '.syncmedia', area);
  const entries = await readdir(at, { recursive: true, withFileTypes: true });
  const contents = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => readFile(join(entry.parentPath, entry.name), 'utf8')),
  );
  return contents.sort();
}

/** Bytes of the files that are being received. */
async function measureUnfinished(root: string): Promise<number> {
  const at = join(root, dir, '.syncmedia/tmp');
  await mkdir(at, { recursive: true });
  let bytes = 0;
  for (const entry of await readdir(at, { recursive: true, withFileTypes: true }))
    if (entry.isFile())
      bytes += await stat(join(entry.parentPath, entry.name)).then(
        ({ size }) => size,
        () => 0,
      );
  return bytes;
}
