import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openPlace, receive, type Receiver } from '../../src/serving/receive-file.js';
import { sendBody } from '../../src/serving/send-body.js';
import { sendContent } from '../../src/serving/send-content.js';
import { resolveServeOptions } from '../../src/serving/serve-options.js';
import type { Place } from '../../src/replica/areas.js';
import { TmpFolders } from '../../src/replica/tmp-folders.js';
import { safePath } from '../../src/replica/paths.js';
import { Root } from '../../src/replica/replica.js';
import { SyncDirs } from '../../src/replica/sync-dirs.js';
import type { Entry, Facts } from '../../src/model/words.js';
import { otherGroups, share } from '../harness/groups.js';
import { makeLocalRoot, uploads, type LocalRoot } from '../replica/local-root.js';
import { startWeb } from './web.js';

const [otherGroup] = otherGroups(1);
if (otherGroup === undefined)
  console.warn('SKIPPED, the group of what is received: this user belongs to no group but its own');
const path = safePath('uploads/film.bin');
const content = randomBytes(300_000);
const sha256 = createHash('sha256').update(content).digest('hex');

let made: LocalRoot, place: Place;
beforeEach(async () => {
  made = await makeLocalRoot();
  place = await openPlace(made.root, uploads);
});
afterEach(() => made.remove());

async function* inPieces(bytes: Buffer, fail?: Error): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 32_768) yield bytes.subarray(at, at + 32_768);
  if (fail) throw fail;
}

/** Receives a body while a visitor reads along; no judge is asked where the path is empty. */
async function serve(body: AsyncIterable<Uint8Array>, facts: Partial<Facts> = {}) {
  const entry = {
    path,
    facts: { size: content.length, mtime: 1_700_000_000, nanos: 0, ...facts },
  } as unknown as Entry & { facts: Facts };
  const receiving = await receive(
    { fileMode: 0o640, tmpFolders: new TmpFolders() } as Receiver,
    place,
    entry,
    body,
  );
  const { transfer } = receiving;
  const web = await startWeb((app) => {
    app.get('/', (request, response, next) => {
      transfer.use();
      sendContent(
        request,
        response,
        { path, absolute: `/${path}`, facts: entry.facts, tag: undefined },
        resolveServeOptions({}),
        sendBody(response, transfer.read),
      ).then(() => transfer.release(), next);
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

describe('what is received', () => {
  test(
    'lands whole, with the date of its version and the mode it is to have, and is what the ' +
      'visitor got',
    async () => {
      const { received, got } = await serve(inPieces(content), { sha256 });
      expect(received).toEqual({ sha256, kept: false });
      expect([got.status, got.broken, got.body.equals(content)]).toEqual([200, false, true]);
      expect((await readFile(made.at(path))).equals(content)).toBe(true);
      const { mtimeMs, mode } = await stat(made.at(path));
      expect([mtimeMs, mode & 0o777]).toEqual([1_700_000_000_000, 0o640]);
      expect(await unfinished()).toEqual([]);
    },
  );

  test.skipIf(otherGroup === undefined)(
    'belongs to the group of its setgid directory',
    async () => {
      await share(made.at('uploads'), otherGroup ?? 0);
      const { received } = await serve(inPieces(content), { sha256 });
      expect(received).toEqual({ sha256, kept: false });
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
  ])('%s breaks the response, and nothing of it is kept', async (_, body, facts) => {
    const { received, got } = await serve(body(), facts);
    expect(received).toMatchObject({ by: 'source' });
    expect([got.status, got.broken]).toEqual([200, true]);
    expect(got.body.length).toBeLessThan(content.length);
    await expect(stat(made.at(path))).rejects.toThrow('ENOENT');
    expect(await unfinished()).toEqual([]);
  });

  test("and cannot land is this host's failure", async () => {
    await made.put('uploads/film.bin/in-the-way', 'x');
    const { received, got } = await serve(inPieces(content), { sha256 });
    expect(received).toMatchObject({ by: 'here', error: { code: 'NOT_A_FILE' } });
    expect(await unfinished()).toEqual([]);
    // The visitor had it all before it was to land.
    expect(got.body.equals(content)).toBe(true);
  });
});

test('a sync dir that is marked for another host receives nothing', async () => {
  const dirs = new SyncDirs([uploads]),
    ofAnother = new Root(made.root.rootPath, () => dirs, { me: () => 'host-2' });
  await expect(openPlace(ofAnother, uploads)).rejects.toMatchObject({ code: 'NO_MARKER' });
});
