import { mkdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { areas } from '../../src/replica/areas.js';
import { nodeDisk } from '../../src/replica/node-disk.js';
import { checkMarker, readMarker, writeMarker } from '../../src/replica/marker.js';
import { requireSafePath } from '../../src/replica/paths.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

const uploads = requireSafePath('uploads');
let dir: TestDir;
beforeEach(async () => {
  dir = await makeTestDir();
});
afterEach(() => dir.remove());

const mark = (host: string, path = uploads, options = {}): Promise<void> =>
  writeMarker(nodeDisk, dir.path, host, path, options);

describe('writeMarker', () => {
  test('marks, makes the working folders, and only its owner may enter them', async () => {
    await mark('host-1');
    expect(await readMarker(nodeDisk, dir.path)).toEqual({ host: 'host-1', syncDir: 'uploads' });
    expect(await readFile(`${dir.path}/.syncmedia/id`, 'utf8')).toBe(
      '{"host":"host-1","syncDir":"uploads"}\n',
    );
    for (const folder of [
      areas.own,
      areas.tmp,
      areas.replaced,
      areas.trash,
      areas.conflicts,
      areas.partial,
    ]) {
      expect((await stat(`${dir.path}/${folder}`)).mode & 0o777).toBe(0o700);
    }
    expect(await nodeDisk.list(`${dir.path}/${areas.tmp}`)).toEqual([]);
  });

  test('again changes nothing; for another sync dir of this host it is replaced', async () => {
    await mark('host-1');
    const before = await stat(`${dir.path}/${areas.marker}`);
    await mark('host-1');
    expect((await stat(`${dir.path}/${areas.marker}`)).ino).toBe(before.ino);
    await mark('host-1', requireSafePath('media'));
    expect(await readMarker(nodeDisk, dir.path)).toEqual({ host: 'host-1', syncDir: 'media' });
  });

  test('another host’s is replaced only by force', async () => {
    await mark('host-1');
    await expect(mark('host-2')).rejects.toThrow(
      expect.objectContaining({
        code: 'BAD_STATE',
        message: expect.stringContaining('host-1') as string,
      }),
    );
    expect((await readMarker(nodeDisk, dir.path))?.host).toBe('host-1');
    await mark('host-2', uploads, { force: true });
    expect((await readMarker(nodeDisk, dir.path))?.host).toBe('host-2');
  });

  test('a sync dir may be a symlink, but not missing, nor a file', async () => {
    await mkdir(`${dir.path}/real`);
    await symlink('real', `${dir.path}/link`);
    await writeMarker(nodeDisk, `${dir.path}/link`, 'host-1', uploads);
    expect(await checkMarker(nodeDisk, `${dir.path}/real`, 'host-1', uploads)).toBeUndefined();
    await writeFile(`${dir.path}/file`, '');
    await symlink('nowhere', `${dir.path}/dangling`);
    for (const name of ['missing', 'file', 'dangling']) {
      await expect(writeMarker(nodeDisk, `${dir.path}/${name}`, 'host-1', uploads)).rejects.toThrow(
        expect.objectContaining({ code: 'BAD_SYNC_DIR' }),
      );
    }
  });
});

test.each([
  '',
  'garbage',
  '{',
  'null',
  '[]',
  '{}',
  '{"host":"h"}',
  '{"host":"","syncDir":"uploads"}',
  '{"host":1,"syncDir":"uploads"}',
  '{"host":"h","syncDir":"../etc"}',
])('a marker that says %j is none, and init writes it anew', async (text) => {
  await mkdir(`${dir.path}/.syncmedia`);
  await writeFile(`${dir.path}/${areas.marker}`, text);
  expect(await readMarker(nodeDisk, dir.path)).toBeUndefined();
  await mark('host-1');
  expect((await readMarker(nodeDisk, dir.path))?.host).toBe('host-1');
});

describe('checkMarker', () => {
  test('names its host, and the remedy', async () => {
    const check = (host: string, path = uploads): ReturnType<typeof checkMarker> =>
      checkMarker(nodeDisk, dir.path, host, path);
    expect(await check('host-1')).toMatchObject({
      code: 'NO_MARKER',
      scope: 'host',
      message: expect.stringContaining('syncmedia init') as string,
    });
    await mark('host-1');
    expect(await check('host-1')).toBeUndefined();
    expect((await check('host-2'))?.message).toContain('host-1');
    expect((await check('host-1', requireSafePath('media')))?.message).toContain('"uploads"');
    await rm(`${dir.path}/.syncmedia`, { recursive: true });
    expect((await check('host-1'))?.message).toContain(dir.path);
  });
});
