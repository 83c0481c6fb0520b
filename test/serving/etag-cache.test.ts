import { createHash } from 'node:crypto';
import { utimes, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openWithoutSymlinks, type OpenFile } from '../../src/replica/open-file.js';
import {
  ETagCache,
  makeETag,
  defaultETagLimits,
  type TaggedContent,
  type ETagLimits,
} from '../../src/serving/etag-cache.js';
import { makeTestDir } from '../harness/tmp.js';
import { until } from '../harness/wait.js';

let folder: Awaited<ReturnType<typeof makeTestDir>>;
beforeAll(async () => {
  folder = await makeTestDir();
});
afterAll(async () => {
  await folder.remove();
});

const size = 1_000;
const tagOf = (content: string): string =>
  makeETag(createHash('sha256').update(content).digest('hex'));

/** A file that changed long enough ago for any further change to show. */
async function write(name: string, content: string): Promise<string> {
  const at = `${folder.path}/${name}`;
  await writeFile(at, content);
  await until(async () => {
    const file = await open(at);
    await file.handle.close();
    return (
      Date.now() - Number(file.stats.ctimeMs) > 2_500 ||
      (file.stats.ctimeNs % 1_000_000n !== 0n && Date.now() - Number(file.stats.ctimeMs) > 50)
    );
  });
  return at;
}

async function open(at: string): Promise<OpenFile> {
  const file = await openWithoutSymlinks(at, () => at);
  if (!file) throw new Error(`${at} is missing`);
  return file;
}

/**
 * Tags of files that count as large, and how often one was opened to be hashed. `hold` keeps all
 * hashing from going on.
 */
function makeTags(limits: Partial<ETagLimits> = {}) {
  const tags = new ETagCache({ ...defaultETagLimits, wholeBytes: 10, waitMs: 20_000, ...limits });
  let opened = 0,
    hold: Promise<void> | undefined;
  return {
    tags,
    opened: () => opened,
    hold(): () => void {
      let release = (): void => undefined;
      hold = new Promise((resolve) => {
        release = resolve;
      });
      return release;
    },
    async find(at: string, namesTag = false): Promise<TaggedContent> {
      const file = await open(at);
      try {
        return await tags.getOrComputeTag(
          file,
          () => true,
          async () => {
            opened++;
            await hold;
            return open(at);
          },
          namesTag,
        );
      } finally {
        await file.handle.close();
      }
    },
  };
}

describe('a large file', () => {
  test('is hashed once for all who ask for it, then and later', async () => {
    const at = await write('once', 'x'.repeat(size)),
      { find, opened, tags } = makeTags();
    const found = await Promise.all(Array.from({ length: 20 }, () => find(at)));
    found.push(await find(at));
    expect(found).toEqual(found.map(() => ({ tag: tagOf('x'.repeat(size)) })));
    expect(opened()).toBe(1);
    await tags.close();
  });

  test('has no tag while it is hashed, and has one afterwards', async () => {
    const at = await write('waits', 'x'.repeat(size)),
      { find, hold, tags } = makeTags({ waitMs: 1 });
    const release = hold();
    expect(await find(at)).toEqual({});
    release();
    expect(await until(async () => (await find(at)).tag)).toBe(tagOf('x'.repeat(size)));
    await tags.close();
  });

  test('is hashed first where the request names a tag, however long that takes', async () => {
    const at = await write('named', 'x'.repeat(size)),
      { find, hold, tags, opened } = makeTags({ waitMs: 1, namedWaitMs: 20_000 });
    const release = hold(),
      asked = find(at, true);
    await until(() => opened() === 1);
    expect(await find(at)).toEqual({});
    release();
    expect(await asked).toEqual({ tag: tagOf('x'.repeat(size)) });
    await tags.close();
  });

  test('that changes while it waits to be hashed gets the tag of its new bytes, never of the others', async () => {
    const at = await write('changes', 'x'.repeat(size)),
      { find, hold, tags, opened } = makeTags();
    const release = hold(),
      asked = find(at);
    await until(() => opened() === 1);
    await writeFile(at, 'y'.repeat(size), { flag: 'r+' });
    await utimes(at, 1_700_000_000, 1_700_000_000);
    release();
    expect(await asked).toEqual({});
    expect(await until(async () => (await find(at)).tag)).toBe(tagOf('y'.repeat(size)));
    await tags.close();
  });

  test('beyond the queue is sent without a tag', async () => {
    const [one, two] = [
        await write('queued-1', 'x'.repeat(size)),
        await write('queued-2', 'y'.repeat(size)),
      ],
      { find, hold, tags, opened } = makeTags({ queue: 1 });
    const release = hold(),
      asked = find(one);
    await until(() => opened() === 1);
    expect(await find(two)).toEqual({});
    release();
    expect(await asked).toEqual({ tag: tagOf('x'.repeat(size)) });
    await tags.close();
  });

  test('that cannot be hashed is sent without a tag', async () => {
    const at = await write('fails', 'x'.repeat(size)),
      tags = new ETagCache({ ...defaultETagLimits, wholeBytes: 10 }),
      file = await open(at);
    expect(
      await tags.getOrComputeTag(
        file,
        () => true,
        () => Promise.reject(new Error('no more descriptors')),
      ),
    ).toEqual({});
    await file.handle.close();
    await tags.close();
  });

  test('is not hashed any more once the instance is closed', async () => {
    const at = await write('closed', 'x'.repeat(size)),
      { find, hold, tags, opened } = makeTags();
    const release = hold(),
      asked = find(at);
    await until(() => opened() === 1);
    const closed = tags.close();
    release();
    await closed;
    expect(await asked).toEqual({});
    expect(await find(at)).toEqual({});
    expect(opened()).toBe(1);
  });
});

test('the cache holds as many tags as the limit says, the last ones requested', async () => {
  const names = ['1', '2', '3'],
    files = await Promise.all(names.map((name) => write(`kept-${name}`, name.repeat(size))));
  const { find, opened, tags } = makeTags({ tags: 2 });
  for (const at of files) await find(at);
  expect(opened()).toBe(3);
  for (const at of [files[2], files[1]]) await find(at ?? '');
  expect(opened()).toBe(3);
  await find(files[0] ?? '');
  expect(opened()).toBe(4);
  await tags.close();
});

describe('a small file', () => {
  test('gives the bytes that its tag belongs to; where they are not needed and the tag is known, it is not read', async () => {
    const at = await write('small', 'hello'),
      tags = new ETagCache(),
      never = (): Promise<undefined> =>
        Promise.reject(new Error('a small file is not opened again'));
    const file = await open(at);
    expect(await tags.getOrComputeTag(file, () => false, never)).toEqual({
      tag: tagOf('hello'),
      bytes: Buffer.from('hello'),
    });
    expect(await tags.getOrComputeTag(file, () => false, never)).toEqual({ tag: tagOf('hello') });
    expect(await tags.getOrComputeTag(file, () => true, never)).toEqual({
      tag: tagOf('hello'),
      bytes: Buffer.from('hello'),
    });
    await file.handle.close();
  });

  test('that is written to after it was opened has the tag of the bytes that are sent', async () => {
    const at = await write('written', 'hello'),
      tags = new ETagCache();
    for (const content of ['world', 'again']) {
      const file = await open(at);
      await writeFile(at, content, { flag: 'r+' });
      await utimes(at, new Date(Number(file.stats.mtimeMs)), new Date(Number(file.stats.mtimeMs)));
      const { tag, bytes } = await tags.getOrComputeTag(
        file,
        () => true,
        () => Promise.resolve(undefined),
      );
      expect([undefined, tagOf(content)]).toContain(tag);
      expect([undefined, content]).toContain(bytes?.toString());
      await file.handle.close();
    }
    const file = await open(at);
    expect(
      await tags.getOrComputeTag(
        file,
        () => true,
        () => Promise.resolve(undefined),
      ),
    ).toEqual({ tag: tagOf('again'), bytes: Buffer.from('again') });
    await file.handle.close();
  });
});
