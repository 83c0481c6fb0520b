import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, symlink, utimes } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nodeDisk } from '../../src/replica/node-disk.js';
import { writeMarker } from '../../src/replica/marker.js';
import { LocalDisks } from '../../src/replica/local-disks.js';
import { openWithoutSymlinks } from '../../src/replica/open-file.js';
import { requireSafePath } from '../../src/replica/paths.js';
import { Replica } from '../../src/replica/replica.js';
import { dirs, makeLocalRoot, uploads, type LocalRoot } from './local-root.js';
import { asOtherUser } from './other-user.js';

let made: LocalRoot;
let root: Replica;
let at: LocalRoot['at'];
let put: LocalRoot['put'];
beforeEach(async () => {
  made = await makeLocalRoot();
  ({ root, at, put } = made);
});
afterEach(() => made.remove());

async function readAll(path: string): Promise<string | undefined> {
  const file = await root.open(requireSafePath(path));
  if (file === undefined) return undefined;
  try {
    return await file.handle.readFile('utf8');
  } finally {
    await file.handle.close();
  }
}

const failure = (code: string): unknown => expect.objectContaining({ code });

test('absolute, also where the root is the whole disk', () => {
  expect(new Replica('/srv/app', () => dirs).absolute(requireSafePath('uploads/a'))).toBe(
    '/srv/app/uploads/a',
  );
  expect(new Replica('/', () => dirs).absolute(requireSafePath('uploads/a'))).toBe('/uploads/a');
});

describe('observe', () => {
  test('gives the info of a file, and undefined for an absent one', async () => {
    await put('uploads/x/a.jpg', 'abc');
    await utimes(at('uploads/x/a.jpg'), 1_600_000_000.5, 1_600_000_000.5);
    expect(await root.observe(requireSafePath('uploads/x/a.jpg'))).toEqual({
      size: 3,
      mtime: 1_600_000_000,
      nanos: 500_000_000,
      stamp: expect.stringMatching(/^\d+ \d+$/) as string,
    });
    for (const path of [
      'uploads/b',
      'uploads/none/b',
      'uploads/x/a.jpg/b',
      `uploads/${'é'.repeat(127)}`,
    ])
      expect(await root.observe(requireSafePath(path))).toBeUndefined();
  });

  test('refuses anything but a regular file, and never waits for it', async () => {
    const { names, close } = await made.putSpecials('uploads/s');
    try {
      for (const name of names) {
        const path = requireSafePath(`uploads/s/${name}`);
        await expect(root.observe(path)).rejects.toThrow(failure('NOT_A_FILE'));
        await expect(root.open(path)).rejects.toThrow(failure('NOT_A_FILE'));
        await expect(root.hash(path)).rejects.toThrow(failure('NOT_A_FILE'));
      }
    } finally {
      close();
    }
  });

  test('refuses a symlink on the way, wherever it leads; the sync dir itself may be one', async () => {
    await put('real/a.jpg', 'abc');
    await put('uploads/x/a.jpg', 'abc');
    await symlink('../real', at('uploads/out'));
    await symlink('x', at('uploads/in'));
    await symlink('nowhere', at('uploads/dangling'));
    for (const name of ['out', 'in', 'dangling'])
      await expect(root.observe(requireSafePath(`uploads/${name}/a.jpg`))).rejects.toThrow(
        failure('SYMLINK_IN_PATH'),
      );
    await rename(at('uploads'), at('elsewhere'));
    await symlink('elsewhere', at('uploads'));
    expect(await root.observe(requireSafePath('uploads/x/a.jpg'))).toMatchObject({ size: 3 });
    expect(await readAll('uploads/x/a.jpg')).toBe('abc');
    expect(await root.resolveRealDir(uploads)).toBe(at('elsewhere'));
  });

  test('a path in no sync dir is refused', async () => {
    await put('other/a', '');
    for (const path of ['other/a', 'uploads']) {
      await expect(root.observe(requireSafePath(path))).rejects.toThrow(failure('BAD_PATH'));
      await expect(root.open(requireSafePath(path))).rejects.toThrow(failure('BAD_PATH'));
    }
  });
});

describe('open', () => {
  test('reads the opened file even if it is replaced meanwhile', async () => {
    await put('uploads/a.jpg', 'before');
    await put('uploads/b.jpg', 'after');
    const file = await root.open(requireSafePath('uploads/a.jpg'));
    await rename(at('uploads/b.jpg'), at('uploads/a.jpg'));
    expect(file?.info.size).toBe(6);
    expect(await file?.handle.readFile('utf8')).toBe('before');
    await file?.handle.close();
    expect(await readAll('uploads/a.jpg')).toBe('after');
    expect(await readAll('uploads/missing.jpg')).toBeUndefined();
  });

  test('odd names', async () => {
    for (const name of [
      'a b',
      'a\nb',
      '"\'`$(x);',
      '-rf',
      '🐢',
      'a (deleted)',
      '\\',
      'x'.repeat(255),
    ]) {
      await put(`uploads/${name}`, name);
      expect(await readAll(`uploads/${name}`)).toBe(name);
    }
  });

  test('a symlink swapped in on the way sends nothing from elsewhere', async () => {
    await put('secret/a.jpg', 'secret');
    await put('uploads/x/a.jpg', 'abc');
    await rename(at('uploads/x'), at('uploads/y'));
    await symlink('../secret', at('uploads/x'));
    await expect(root.open(requireSafePath('uploads/x/a.jpg'))).rejects.toThrow(
      failure('SYMLINK_IN_PATH'),
    );
    await rm(at('uploads/x'));
    // Also one that stays in the sync dir: what is opened has to be the path itself.
    await symlink('y', at('uploads/x'));
    await expect(root.open(requireSafePath('uploads/x/a.jpg'))).rejects.toThrow(
      failure('SYMLINK_IN_PATH'),
    );
  });

  test('where the kernel does not name open files, real paths are compared', async () => {
    await put('uploads/x/a.jpg', 'abc');
    await put('secret/a.jpg', 'secret');
    await symlink('../secret', at('uploads/z'));
    const openSo = (path: string): ReturnType<typeof openWithoutSymlinks> =>
      openWithoutSymlinks(at(path), () => Promise.resolve(at(path)), at('no-such-folder'));
    const file = await openSo('uploads/x/a.jpg');
    expect(await file?.handle.readFile('utf8')).toBe('abc');
    await file?.handle.close();
    await expect(openSo('uploads/z/a.jpg')).rejects.toThrow(failure('SYMLINK_IN_PATH'));
    expect(await openSo('uploads/x/missing')).toBeUndefined();
  });

  test('a missing sync dir, and an unreadable file', async () => {
    await put('uploads/x/a.jpg', 'abc');
    await asOtherUser(at('uploads/x'), async () => {
      await expect(root.open(requireSafePath('uploads/x/a.jpg'))).rejects.toThrow(
        expect.objectContaining({
          code: expect.stringMatching(/^(PERMISSION_DENIED|NO_MARKER)$/) as string,
        }),
      );
    });
    await rm(at('uploads'), { recursive: true });
    await expect(root.open(requireSafePath('uploads/x/a.jpg'))).rejects.toThrow(
      failure('NO_MARKER'),
    );
    await expect(root.resolveRealDir(uploads)).rejects.toThrow(failure('NO_MARKER'));
  });
});

describe('openToServe', () => {
  const serve = async (path: string): Promise<string | undefined> => {
    const file = await root.openToServe(requireSafePath(path));
    const content = await file?.handle.readFile('utf8');
    await file?.handle.close();
    return content;
  };

  test('gives the same as open', async () => {
    await put('uploads/a', 'a');
    await put('secret/s', 's');
    await symlink('../secret', at('uploads/way'));
    for (let times = 0; times < 2; times++) {
      expect([await serve('uploads/a'), await serve('uploads/none')]).toEqual(['a', undefined]);
      await expect(serve('uploads/way/s')).rejects.toEqual(failure('SYMLINK_IN_PATH'));
    }
  });

  test('follows a sync dir that a deploy points elsewhere', async () => {
    await put('old/a', 'old');
    await put('new/a', 'new');
    for (const release of ['old', 'new'])
      await writeMarker(nodeDisk, at(release), 'host-1', requireSafePath('uploads'));
    await rm(at('uploads'), { recursive: true });
    for (const release of ['old', 'new', 'old']) {
      await symlink(release, at('next'));
      await rename(at('next'), at('uploads'));
      expect(await serve('uploads/a')).toBe(release);
    }
    await rm(at('uploads'));
    expect(await serve('uploads/a')).toBeUndefined();
  });
});

// It is the kernel that tells what was opened, in /proc: elsewhere every file is read in the usual
// way.
describe.skipIf(!existsSync('/proc/self/fd'))('readFresh (skipped where there is no /proc)', () => {
  const path = requireSafePath('uploads/x/a.jpg');
  let local: Replica;
  beforeEach(async () => {
    local = new Replica(made.at('.'), () => dirs, {
      localDisks: new LocalDisks(() => Promise.resolve(0xef53)),
    });
    local.isOnLocalDisk(path);
    await put('uploads/x/a.jpg', 'abc');
  });

  test('a file that was just written, as the usual way reads it, and found again', async () => {
    const read = local.readRecentlyWritten(path);
    expect(read?.bytes.toString()).toBe('abc');
    expect(read?.info).toEqual(await root.hash(path));
    expect(local.findCached(path)).toEqual(read);
    await put('uploads/x/a.jpg', 'abcd');
    expect(local.findCached(path)).toBeUndefined();
  });

  test('a file that is old by its known info is not even opened', () => {
    const now = Math.floor(Date.now() / 1000);
    expect(local.readRecentlyWritten(path, { size: 3, mtime: now })?.bytes.toString()).toBe('abc');
    expect(local.readRecentlyWritten(path, { size: 3, mtime: now - 60 })).toBeUndefined();
    expect(local.readRecentlyWritten(path, { size: 64 * 1024 + 1, mtime: now })).toBeUndefined();
  });

  test('reads nothing on a disk that is not known to be local', () => {
    expect(new Replica(made.at('.'), () => dirs).readRecentlyWritten(path)).toBeUndefined();
  });

  test('leaves old, large and missing files to the usual way', async () => {
    await utimes(at('uploads/x/a.jpg'), Date.now() / 1000 - 60, Date.now() / 1000 - 60);
    expect(local.readRecentlyWritten(path)).toBeUndefined();
    await put('uploads/x/a.jpg', 'x'.repeat(64 * 1024 + 1));
    expect(local.readRecentlyWritten(path)).toBeUndefined();
    await rm(at('uploads/x/a.jpg'));
    expect(local.readRecentlyWritten(path)).toBeUndefined();
    expect(await local.hash(path, { keeps: true })).toBeUndefined();
  });

  test('nothing through a symlink, nor a directory in place of the file', async () => {
    await put('secret/a.jpg', 'secret');
    await rm(at('uploads/x'), { recursive: true });
    await symlink('../secret', at('uploads/x'));
    expect(local.readRecentlyWritten(path)).toBeUndefined();
    await expect(local.hash(path, { keeps: true })).rejects.toThrow(failure('SYMLINK_IN_PATH'));
    await rm(at('uploads/x'));
    await mkdir(at('uploads/x/a.jpg'), { recursive: true });
    expect(local.readRecentlyWritten(path)).toBeUndefined();
    await expect(local.hash(path, { keeps: true })).rejects.toThrow(failure('NOT_A_FILE'));
    await rm(at('uploads/x'), { recursive: true });
    await mkdir(at('uploads/x'));
    await symlink('../../secret/a.jpg', at('uploads/x/a.jpg'));
    expect(local.readRecentlyWritten(path)).toBeUndefined();
  });

  test('a sync dir may be a symlink, and point elsewhere from now on', async () => {
    await rename(at('uploads'), at('old'));
    await symlink('old', at('uploads'));
    expect(local.readRecentlyWritten(path)?.bytes.toString()).toBe('abc');
    await put('new/x/a.jpg', 'new');
    await rm(at('uploads'));
    await symlink('new', at('uploads'));
    expect(local.readRecentlyWritten(path)?.bytes.toString()).toBe('new');
  });
});

describe('hash', () => {
  test('reads info and content of one moment', async () => {
    const content = 'x'.repeat(300_000);
    await put('uploads/a.jpg', content);
    const found = await root.hash(requireSafePath('uploads/a.jpg'));
    expect(found).toEqual({
      ...(await root.observe(requireSafePath('uploads/a.jpg'))),
      sha256: createHash('sha256').update(content).digest('hex'),
    });
    expect(await root.hash(requireSafePath('uploads/b.jpg'))).toBeUndefined();
  });

  test('a file that is written all the time is reported as such, never hashed half', async () => {
    await put('uploads/a.jpg', 'x'.repeat(4_000_000));
    const handle = await open(at('uploads/a.jpg'), 'a');
    let writing = true;
    const writer = (async () => {
      while (writing) await handle.write('more');
    })();
    try {
      await expect(root.hash(requireSafePath('uploads/a.jpg'))).rejects.toThrow(
        failure('TRANSFER_FAILED'),
      );
    } finally {
      writing = false;
      await writer;
      await handle.close();
    }
    const sha256 = createHash('sha256')
      .update(await readFile(at('uploads/a.jpg')))
      .digest('hex');
    expect(await root.hash(requireSafePath('uploads/a.jpg'))).toMatchObject({ sha256 });
  });
});
