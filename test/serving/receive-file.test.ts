import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openReplicaDir, receiveFile } from '../../src/serving/receive-file.js';
import { createBodySender } from '../../src/serving/send-body.js';
import { sendContent } from '../../src/serving/send-content.js';
import { resolveServeOptions } from '../../src/serving/serve-options.js';
import type { SyncDirLocation } from '../../src/replica/areas.js';
import { TmpFolders } from '../../src/replica/tmp-folders.js';
import { requireSafePath } from '../../src/replica/paths.js';
import { Replica } from '../../src/replica/replica.js';
import { SyncDirs } from '../../src/replica/sync-dirs.js';
import type { Entry } from '../../src/model/entry.js';
import type { FileInfo } from '../../src/model/file.js';
import { otherGroups, share } from '../harness/groups.js';
import { makeLocalRoot, uploads, type LocalRoot } from '../replica/local-root.js';
import { startWeb } from './web.js';

const [otherGroup] = otherGroups(1);
if (otherGroup === undefined)
  console.warn('SKIPPED, the group of what is received: this user belongs to no group but its own');
const path = requireSafePath('uploads/film.bin');
const content = randomBytes(300_000);
const sha256 = createHash('sha256').update(content).digest('hex');

let made: LocalRoot, place: SyncDirLocation;
beforeEach(async () => {
  made = await makeLocalRoot();
  place = await openReplicaDir(made.root, uploads);
});
afterEach(() => made.remove());

async function* inPieces(bytes: Buffer, fail?: Error): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 32_768) yield bytes.subarray(at, at + 32_768);
  if (fail) throw fail;
}

/** Receives a body while a visitor reads along; an empty path needs no resolver. */
async function serve(body: AsyncIterable<Uint8Array>, facts: Partial<FileInfo> = {}) {
  const entry = {
    path,
    info: { size: content.length, mtime: 1_700_000_000, nanos: 0, ...facts },
  } as unknown as Entry & { info: FileInfo };
  const receiving = await receiveFile(
    { fileMode: 0o640, tmpFolders: new TmpFolders() },
    place,
    entry,
    body,
  );
  const { transfer } = receiving;
  const web = await startWeb((app) => {
    app.get('/', (request, response, next) => {
      transfer.addReader();
      sendContent(
        request,
        response,
        { path, absolute: `/${path}`, info: entry.info, tag: undefined },
        resolveServeOptions({}),
        createBodySender(response, transfer.read),
      ).then(() => transfer.removeReader(), next);
    });
  });
  try {
    const asked = web.get('/');
    const received = await receiving.finish(() =>
      Promise.reject(new Error('nothing was replaced')),
    );
    return { received, got: await asked };
  } finally {
    await web.close();
  }
}

const unfinished = (): Promise<string[]> => readdir(made.at('uploads/.syncmedia/tmp'));

describe('a received file', () => {
  test('is placed whole, with the date of its version and its mode, and equals the response', async () => {
    const { received, got } = await serve(inPieces(content), { sha256 });
    expect(received).toEqual({ sha256, isOwnFileBack: false });
    expect([got.status, got.broken, got.body.equals(content)]).toEqual([200, false, true]);
    expect((await readFile(made.at(path))).equals(content)).toBe(true);
    const { mtimeMs, mode } = await stat(made.at(path));
    expect([mtimeMs, mode & 0o777]).toEqual([1_700_000_000_000, 0o640]);
    expect(await unfinished()).toEqual([]);
  });

  test.skipIf(otherGroup === undefined)(
    'belongs to the group of its setgid directory',
    async () => {
      await share(made.at('uploads'), otherGroup ?? 0);
      const { received } = await serve(inPieces(content), { sha256 });
      expect(received).toEqual({ sha256, isOwnFileBack: false });
      const { gid, mode } = await stat(made.at(path));
      expect([gid, mode & 0o7777]).toEqual([otherGroup, 0o640]);
    },
  );

  test.each([
    ['other content than the version has', () => inPieces(randomBytes(content.length)), { sha256 }],
    ['less than the version has', () => inPieces(content.subarray(0, 200_000)), {}],
    ['more than the version has', () => inPieces(Buffer.concat([content, content])), {}],
    [
      'a body that breaks off',
      () => inPieces(content.subarray(0, 100_000), new Error('the connection broke')),
      {},
    ],
  ])('%s breaks the response, and no byte of it is kept', async (_, body, facts) => {
    const { received, got } = await serve(body(), facts);
    expect(received).toMatchObject({ failedSide: 'source' });
    expect([got.status, got.broken]).toEqual([200, true]);
    expect(got.body.length).toBeLessThan(content.length);
    await expect(stat(made.at(path))).rejects.toThrow('ENOENT');
    expect(await unfinished()).toEqual([]);
  });

  test("that cannot be placed is this host's failure", async () => {
    await made.put('uploads/film.bin/in-the-way', 'x');
    const { received, got } = await serve(inPieces(content), { sha256 });
    expect(received).toMatchObject({ failedSide: 'here', error: { code: 'NOT_A_FILE' } });
    expect(await unfinished()).toEqual([]);
    // The visitor had it all before it was to be placed.
    expect(got.body.equals(content)).toBe(true);
  });
});

test('a sync dir that is marked for another host receives nothing', async () => {
  const dirs = new SyncDirs([uploads]),
    ofAnother = new Replica(made.root.rootPath, () => dirs, { me: () => 'host-2' });
  await expect(openReplicaDir(ofAnother, uploads)).rejects.toMatchObject({ code: 'NO_MARKER' });
});
