import { expect, test } from 'vitest';
import { describeBlocked } from '../../src/instance/actions/status.js';
import type { Failure } from '../../src/model/failure.js';
import { fileEntry } from '../decisions/entries.js';

const failure: Failure = { code: 'DISK_FULL', message: 'full', scope: 'path', retryable: true };
const since = new Date(0);

test('a blocked path whose retry is due says so, and no other', () => {
  const blocked = [{ host: 'B', failure, since }];
  const { path } = fileEntry();
  expect(describeBlocked(fileEntry({ blocked, pending: ['B'] }), 'B')).toEqual([
    { path, failure, since, retrying: true },
  ]);
  expect(describeBlocked(fileEntry({ blocked, pending: ['C'] }), 'B')).toEqual([
    { path, failure, since },
  ]);
});
