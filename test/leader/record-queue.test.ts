import type { FileHandle } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { RecordQueue } from '../../src/leader/record-queue.js';
import type { Entry } from '../../src/model/entry.js';
import type { OpenFile } from '../../src/replica/open-file.js';
import { makePartial } from '../harness/partial.js';

const makeFile = (size: number): Entry =>
  ({
    path: 'a.jpg',
    version: 'v',
    kind: 'file',
    superseded: [],
    capturedAt: new Date(),
    info: { size, mtime: 1, nanos: 0 },
  }) as unknown as Entry;

test('at most one GiB of files is kept open', () => {
  const handle = makePartial<FileHandle>({ close: () => Promise.resolve() });
  const replica = {
    findRecentBytes: () => undefined,
    open: () => Promise.resolve(makePartial<OpenFile>({ handle })),
  };
  const queue = new RecordQueue(replica, 1024 ** 4);
  const addAndCount = (): number => {
    for (const mebibytes of [600, 600, 400]) queue.add(makeFile(mebibytes * 1024 ** 2));
    const taken = queue.take(10);
    queue.release(taken);
    return taken.filter(({ opened }) => opened !== undefined).length;
  };
  expect(addAndCount()).toBe(2);
  // Those that were released count no longer.
  expect(addAndCount()).toBe(2);
});
