import { expect, test } from 'vitest';
import { answerRestore } from '../../src/decisions/restore-to-time.js';

const info = { size: 3, mtime: 1, sha256: 'a'.repeat(64) };
const file = { kind: 'file', info: { ...info, nanos: 0, sha256: 'b'.repeat(64) } } as const;
const tombstone = { kind: 'tombstone' } as const;

test.each([
  ['a file with other bytes is restored', file, { as: 'stored', info }, 'restore'],
  ['a file that was removed since is restored', tombstone, { as: 'stored', info }, 'restore'],
  [
    'a file that has these bytes again needs nothing',
    { kind: 'file', info: { ...info, nanos: 0 } },
    { as: 'stored', info },
    'same',
  ],
  ['a file that did not exist then stays', file, { as: 'removed' }, 'removed then'],
  ['a file that existed neither then nor now needs nothing', tombstone, { as: 'removed' }, 'same'],
  ['a file that the history does not know of that time stays', file, undefined, 'no version'],
  [
    'a removed file that the history does not know of that time is reported',
    tombstone,
    undefined,
    'no version',
  ],
  ['bytes that were too large need a copy', file, { as: 'named', info }, 'hash only'],
  [
    'bytes that were too large, and are there again, need nothing',
    { kind: 'file', info: { ...info, nanos: 0 } },
    { as: 'named', info },
    'same',
  ],
] as const)('%s', (_claim, entry, version, answer) => {
  expect(answerRestore(entry, version)).toBe(answer);
});
