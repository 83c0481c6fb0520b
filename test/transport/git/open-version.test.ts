import { expect, test } from 'vitest';
import { SyncMediaError } from '../../../src/model/errors.js';
import type { RecordRequest } from '../../../src/model/history.js';
import type { Path } from '../../../src/model/path.js';
import type { Replica } from '../../../src/replica/replica.js';
import { openVersion } from '../../../src/transport/git/open-version.js';
import { makePartial } from '../../harness/partial.js';

const info = { size: 1, mtime: 1 };
const request: RecordRequest = {
  path: 'uploads/a.jpg' as Path,
  version: 'v',
  at: new Date(),
  info,
};
const replica = makePartial<Replica>({
  open: () => Promise.reject(new SyncMediaError('NOT_A_FILE', 'a directory is there')),
});

test('something else at the path of a replaced version does not say that it cannot be recorded', async () => {
  const replaced = { ...request, replacedAt: new Date() };
  expect(await openVersion(replica, replaced, info)).toBe(undefined);
});

test('something else at the path of the current version is an error', async () => {
  await expect(openVersion(replica, request, info)).rejects.toMatchObject({ code: 'NOT_A_FILE' });
});
