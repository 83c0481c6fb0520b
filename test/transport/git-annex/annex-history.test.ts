import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { findProgram } from '../../../scripts/programs.mjs';
import { SyncMediaError } from '../../../src/model/errors.js';
import { requireSafePath } from '../../../src/replica/paths.js';
import { getObjectPath, makeAnnexUuid, makeKey } from '../../../src/transport/git-annex/key.js';
import { GitHistory } from '../../../src/transport/git/git-history.js';
import { sha256 } from '../git/site.js';
import { never, photos, put, self } from '../site.js';
import { annexIsMissing, makeAnnexSite, makeLarge, type AnnexSite } from './site.js';

const run = promisify(execFile);
const path = requireSafePath(`${photos.path}/film.mp4`);

describe.skipIf(annexIsMissing !== undefined)('a history with an annex', () => {
  let site: AnnexSite;
  const keyOf = (content: Buffer) =>
    makeKey({ size: content.length, mtime: 0, sha256: sha256(content) })!;
  const placeOf = (content: Buffer): string =>
    join(site.history.annexPlace, getObjectPath(keyOf(content)));
  const isKept = (content: Buffer): Promise<boolean> =>
    stat(placeOf(content)).then(
      () => true,
      () => false,
    );
  const list = () => site.history.list(path, 100, never);
  const annex = async (...args: string[]): Promise<string> =>
    (await run('git', ['annex', ...args], { cwd: site.history.annexPlace })).stdout;

  beforeEach(async () => {
    site = await makeAnnexSite();
  });
  afterEach(async () => {
    await site.close();
  });

  test('every version of a large file is read back, and lies outside git', async () => {
    const contents = ['one', 'two', 'three'].map((text) => makeLarge(text));
    for (const [index, content] of contents.entries())
      expect(
        await site.history.record([await site.save('film.mp4', content, `v${index}`)], never),
      ).toEqual([]);
    const versions = await list();
    expect(versions.map(({ version, as }) => [version, as])).toEqual([
      ['v2', 'stored'],
      ['v1', 'stored'],
      ['v0', 'stored'],
    ]);
    const found = await site.history.findAt([path], new Date(), never);
    expect(found.get(path)).toMatchObject({ version: 'v2', as: 'stored' });
    for (const [index, version] of versions.entries())
      expect(await site.read(version)).toBe(contents[2 - index]?.toString());
    const { stdout } = await run('git', [
      `--git-dir=${site.history.place}`,
      ...['cat-file', '--batch-check=%(objecttype) %(objectsize)', '--batch-all-objects'],
    ]);
    expect(stdout.split('\n')).toContain('blob 0');
    expect(stdout).not.toContain('blob 5000');
  });

  test('small files stay in git, and hostile names are no trouble', async () => {
    const small = await site.save('small.jpg', 'small', 'v0');
    const odd = await site.save('.git/con\nfig -x.mp4', makeLarge('odd'), 'v1');
    expect(await site.history.record([small, odd], never)).toEqual([]);
    const [version] = await site.history.list(small.path, 10, never);
    expect(await site.read(version!)).toBe('small');
    const [other] = await site.history.list(odd.path, 10, never);
    expect(await site.read(other!)).toBe(makeLarge('odd').toString());
  });

  test('a file that git has stored, since it had another limit, is read from git', async () => {
    const content = makeLarge('in git');
    const earlier = site.reopen(1_000_000);
    await earlier.record([await site.save('film.mp4', content, 'v0')], never);
    expect(await isKept(content)).toBe(false);
    const [version] = await list();
    expect(await site.read(version!)).toBe(content.toString());
  });

  test('git-annex finds what is kept where this package puts it', async () => {
    const content = makeLarge('known');
    await site.history.record([await site.save('film.mp4', content, 'v0')], never);
    const key = keyOf(content);
    expect(await annex('examinekey', '--format=${objectpath}', key)).toBe(
      `./${getObjectPath(key)}`,
    );
    expect(
      (await run('git', [`--git-dir=${site.history.annexPlace}`, 'config', 'annex.uuid'])).stdout,
    ).toBe(`${makeAnnexUuid(self)}\n`);
    expect(await annex('whereis', '--key', key)).toContain('1 copy');
    await annex('fsck', '--all', '--quiet');
  });

  test('a content is kept once, whoever has it', async () => {
    const content = makeLarge('same');
    const requests = [
      await site.save('film.mp4', content, 'v0'),
      await site.save('copy.mp4', content, 'v1'),
    ];
    await site.history.record(requests, never);
    expect((await site.history.maintain(never)).bytes).toBeLessThan(2 * content.length);
    expect(await site.history.list(requests[1]!.path, 10, never)).toMatchObject([{ as: 'stored' }]);
  });

  test('an app that writes to its file in place does not change what is kept', async () => {
    const content = makeLarge('before');
    await site.history.record([await site.save('film.mp4', content, 'v0')], never);
    await writeFile(join(site.root, path), makeLarge('after'), { flag: 'r+' });
    const [version] = await list();
    expect(await site.read(version!)).toBe(content.toString());
  });

  test('bytes that are not those of the version are not kept; its name is, once they are lost', async () => {
    const request = await site.save('film.mp4', makeLarge('announced'), 'v0');
    const { mtime } = request.info!;
    await put(site.root, path, makeLarge('different'), mtime);
    expect(await site.history.record([request], never)).toMatchObject([
      { request, failure: { code: 'NOT_RECORDED', scope: 'path', retryable: false }, isGone: true },
    ]);
    expect(await list()).toEqual([]);
    await site.history.record([{ ...request, isLost: true }], never);
    expect(await list()).toMatchObject([{ version: 'v0', as: 'named' }]);
    await expect(site.read((await list())[0]!)).rejects.toMatchObject({
      code: 'NOT_RECORDED',
      message: expect.stringContaining('another host') as string,
    });
  });

  test('a file without a known hash gets one', async () => {
    const content = makeLarge('unhashed');
    const { info, ...request } = await site.save('film.mp4', content, 'v0');
    const { size, mtime } = info!;
    await site.history.record([{ ...request, info: { size, mtime } }], never);
    const [version] = await list();
    expect(version?.info?.sha256).toBe(sha256(content));
    expect(await site.read(version!)).toBe(content.toString());
  });

  test('a kept file that the disk has spoiled is not handed out as whole', async () => {
    const content = makeLarge('sound');
    await site.history.record([await site.save('film.mp4', content, 'v0')], never);
    const [version] = await list();
    await chmod(placeOf(content), 0o600);
    await writeFile(placeOf(content), makeLarge('spoilt'));
    await expect(site.read(version!)).rejects.toMatchObject({ code: 'HISTORY_FAILED' });
    await truncate(placeOf(content), 10);
    expect(await list()).toMatchObject([{ as: 'named' }]);
  });

  test('forget removes the bytes of the path, unless another path has them too', async () => {
    const [own, shared] = [makeLarge('own'), makeLarge('shared')];
    await site.history.record(
      [
        await site.save('film.mp4', own, 'v0'),
        await site.save('film.mp4', shared, 'v1'),
        await site.save('other.mp4', shared, 'v2'),
      ].slice(1),
      never,
    );
    await site.history.record([await site.save('film.mp4', own, 'v3')], never);
    await site.history.forget([{ path, at: new Date(Date.now() + 1_000) }], never);
    expect(await list()).toEqual([]);
    expect(await isKept(own)).toBe(false);
    expect(await isKept(shared)).toBe(true);
  });

  test('a large file that waits for a packing is older than a request to forget it', async () => {
    let now = new Date();
    const dated = await makeAnnexSite({ now: () => now });
    try {
      const request = await dated.save('film.mp4', makeLarge('secret'), 'v0');
      const asked = new Date(now.getTime() + 60_000);
      const packing = dated.history.maintain(never, now);
      const recording = dated.history.record([request], never);
      now = new Date(asked.getTime() + 60_000);
      await Promise.all([packing, recording]);
      await dated.history.forget([{ path, at: asked }], never);
      expect(await dated.history.list(path, 10, never)).toEqual([]);
    } finally {
      await dated.close();
    }
  });

  test('contents that no day refers to any more are removed', async () => {
    const content = makeLarge('stray');
    await site.history.record([await site.save('film.mp4', content, 'v0')], never);
    const stray = makeLarge('left by a crash');
    await mkdir(join(placeOf(stray), '..'), { recursive: true });
    await writeFile(placeOf(stray), stray);
    const foreign = join(site.history.annexPlace, 'annex/objects/abc/def/SHA512-s1--00');
    await mkdir(foreign, { recursive: true });
    await writeFile(join(foreign, 'SHA512-s1--00'), 'x');
    await chmod(foreign, 0o555);
    await site.history.maintain(never);
    expect([await isKept(content), await isKept(stray)]).toEqual([true, false]);
    expect(await readdir(join(foreign, '..'))).toEqual([]);
  });

  test('a disk that is too full to pack the days gets the space of contents without a day', async () => {
    const content = makeLarge('film');
    await site.history.record([await site.save('film.mp4', content, 'v0')], never);
    const stray = makeLarge('of a day that was removed');
    await mkdir(join(placeOf(stray), '..'), { recursive: true });
    await writeFile(placeOf(stray), stray);
    const full = new SyncMediaError('DISK_FULL', 'packing failed');
    const packing = vi.spyOn(GitHistory.prototype, 'maintain').mockRejectedValue(full);
    try {
      await expect(site.history.maintain(never)).rejects.toBe(full);
    } finally {
      packing.mockRestore();
    }
    expect([await isKept(content), await isKept(stray)]).toEqual([true, false]);
  });

  test('contents under other kinds of keys, which another host can send, are removed', async () => {
    const foreign = `SHA512-s5--${'a'.repeat(128)}`;
    const folder = join(site.history.annexPlace, 'annex/objects/abc/def', foreign);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, foreign), 'hello', { mode: 0o400 });
    await chmod(folder, 0o500);
    await site.history.maintain(never);
    expect(await readdir(join(folder, '..')).catch(() => [])).toEqual([]);
  });

  test('a lock that a crash left does not block the annex for ever', async () => {
    await writeFile(join(site.history.annexPlace, 'annex/index.lock'), '');
    await writeFile(join(site.history.annexPlace, 'refs/heads/git-annex.lock'), '');
    const next = site.reopen();
    await next.open(never);
    expect(
      await next.record([await site.save('film.mp4', makeLarge('next'), 'v0')], never),
    ).toEqual([]);
    await annex('fsck', '--all', '--quiet');
  });

  test('unfinished copies of a process that was killed are removed', async () => {
    const tmp = join(site.history.annexPlace, 'syncmedia-tmp');
    await writeFile(join(tmp, 'half'), 'half');
    await site.reopen().open(never);
    expect(await readdir(tmp)).toEqual([]);
  });

  test('a file comes back from a special remote that an operator configured', async () => {
    const content = makeLarge('in a drawer');
    await site.history.record([await site.save('film.mp4', content, 'v0')], never);
    const drawer = join(site.root, '../drawer');
    await mkdir(drawer);
    await annex('initremote', 'drawer', 'type=directory', `directory=${drawer}`, 'encryption=none');
    await annex('copy', '--all', '--to', 'drawer');
    await annex('dropkey', '--force', keyOf(content));
    expect(await isKept(content)).toBe(false);
    await site.reopen().open(never);
    const [version] = await list();
    expect(version?.as).toBe('stored');
    expect(await site.read(version!)).toBe(content.toString());
    expect(await isKept(content)).toBe(true);
    // Nothing is promised that lies nowhere.
    await annex('dropkey', '--force', keyOf(content));
    await annex('drop', '--force', '--key', keyOf(content), '--from', 'drawer');
    expect(await list()).toMatchObject([{ as: 'named' }]);
  });

  describe('a special remote', () => {
    const other = requireSafePath(`${photos.path}/other.mp4`);
    let drawer: string;
    const copyAll = async (): Promise<void> => {
      drawer = join(site.root, '../a drawer');
      await mkdir(drawer);
      const kind = ['type=directory', `directory=${drawer}`, 'encryption=none'];
      await annex('initremote', 'drawer', ...kind);
      await annex('copy', '--all', '--to', 'drawer');
    };
    const isInDrawer = async (content: Buffer): Promise<boolean> =>
      (await readdir(drawer, { recursive: true })).some((name) => name.endsWith(keyOf(content)));
    const forget = (one: typeof path) =>
      site.history.forget([{ path: one, at: new Date(Date.now() + 1_000) }], never);

    test('that still has a forgotten file is named, with the command that removes it', async () => {
      const [own, shared] = [makeLarge('private'), makeLarge('of two files')];
      await site.history.record([await site.save('film.mp4', shared, 'v0')], never);
      await site.history.record([await site.save('film.mp4', own, 'v1')], never);
      await site.history.record([await site.save('other.mp4', shared, 'v2')], never);
      expect(await site.history.listRemoteCopies(path, never)).toEqual([]);
      await copyAll();
      const copies = await site.history.listRemoteCopies(path, never);
      expect(copies.map(({ remote, key }) => [remote, key])).toEqual(
        expect.arrayContaining([
          ['drawer', keyOf(own)],
          ['drawer', keyOf(shared)],
        ]),
      );
      await forget(path);
      expect([await isKept(own), await isInDrawer(own)]).toEqual([false, true]);
      const { command = '' } = copies.find(({ key }) => key === keyOf(own)) ?? {};
      // The other content still belongs to a file.
      expect(site.warnings).toEqual([
        `the special remote drawer still has a file that was forgotten: ${command}`,
      ]);
      await run('sh', ['-c', command]);
      expect([await isInDrawer(own), await isInDrawer(shared)]).toEqual([false, true]);
    });

    test('keeps what this host does not keep any more, until the command of the manual', async () => {
      const [kept, gone] = [makeLarge('kept'), makeLarge('gone')];
      await site.history.record([await site.save('film.mp4', kept, 'v0')], never);
      await site.history.record([await site.save('other.mp4', gone, 'v1')], never);
      await copyAll();
      await forget(other);
      await site.history.maintain(never);
      expect([await isInDrawer(kept), await isInDrawer(gone)]).toEqual([true, true]);
      const manual = await readFile(new URL('../../../docs/history.md', import.meta.url), 'utf8');
      const command = /^git -C \S+ annex (drop .*)$/m.exec(manual)?.[1] ?? '';
      await annex(...command.split(' '));
      expect([await isInDrawer(kept), await isInDrawer(gone)]).toEqual([true, false]);
    });
  });

  test('what an operator configured stays, and a second start makes nothing anew', async () => {
    const config = join(site.history.annexPlace, 'config');
    await run('git', ['config', '--file', config, 'remote.disk.annex-ignore', 'true']);
    const before = await readFile(config, 'utf8');
    await site.reopen().open(never);
    expect(await readFile(config, 'utf8')).toBe(before);
  });
});

describe.skipIf(annexIsMissing !== undefined)('the limit of a history with an annex', () => {
  test('is that of git and annex together: a file that does not fit is named, and said', async () => {
    const site = await makeAnnexSite({ maxBytes: 20_000 });
    try {
      const requests = [];
      for (let number = 0; number < 7; number++)
        requests.push(await site.save(`${number}.mp4`, makeLarge(`film ${number}`), `v${number}`));
      const unrecorded = await site.history.record(requests, never);
      expect(unrecorded.map(({ request }) => request)).toEqual(requests.slice(6));
      expect(unrecorded[0]?.failure.message).toContain('SYNCMEDIA_HISTORY_MAX_BYTES');
      expect(await site.history.needsPacking(never)).toBe(true);
      // Today's own versions stay, and cleaning again would change nothing.
      expect((await site.history.maintain(never)).bytes).toBeGreaterThan(30_000);
      expect(await site.history.needsPacking(never)).toBe(false);
    } finally {
      await site.close();
    }
  });
});

describe('a machine without a fitting git-annex', () => {
  const path = process.env['PATH'];
  let site: AnnexSite;
  let programs: string;

  const addProgram = (name: string, line: string): Promise<void> =>
    writeFile(join(programs, name), `#!/bin/sh\n${line}\n`, { mode: 0o755 });

  beforeEach(async () => {
    const git = await findProgram('git');
    site = await makeAnnexSite({}, { isOpen: false });
    programs = join(site.root, '../programs');
    await mkdir(programs);
    await addProgram('git', `exec '${git ?? ''}' "$@"`);
    process.env['PATH'] = programs;
  });
  afterEach(async () => {
    process.env['PATH'] = path;
    await site.close();
  });

  test('says so in one error that names the package', async () => {
    await expect(site.history.open(never)).rejects.toMatchObject({
      code: 'MISSING_PROGRAM',
      message: expect.stringMatching(/^git-annex is missing .*apt-get install git-annex/) as string,
    });
  });

  test('names the version that is too old, and the package', async () => {
    await addProgram('git-annex', 'echo 8.20210223');
    await expect(site.history.open(never)).rejects.toMatchObject({
      code: 'MISSING_PROGRAM',
      message: expect.stringMatching(/8\.20210223 .*too old .*apt-get install git-annex/) as string,
    });
  });
});
