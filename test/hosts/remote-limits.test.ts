import { describe, expect, test } from 'vitest';
import { limitRemoteChange, type RemoteRequest } from '../../src/hosts/remote-limits.js';
import type { Path } from '../../src/model/path.js';

const own = (allowed: string[], declared?: string[]): RemoteRequest['own'] => ({
  root: '/srv/app',
  allowed: allowed as Path[],
  declared: declared as Path[] | undefined,
});
const ask =
  (asked: Partial<RemoteRequest>, of = own(['uploads'])) =>
  () => {
    limitRemoteChange({
      hostname: 'web1',
      root: undefined,
      syncDirs: undefined,
      own: of,
      ...asked,
    });
  };
const refused = expect.objectContaining({
  code: 'FORBIDDEN',
  message: expect.stringContaining('on that host') as string,
}) as Error;

describe('through the router', () => {
  test.each<[string, () => void]>([
    ['another root', ask({ root: '/home/app' })],
    [
      'a root where none is configured',
      ask({ root: '/home/app' }, { root: undefined, allowed: [], declared: [] }),
    ],
    ['a directory beside those of init', ask({ syncDirs: ['.ssh'] })],
    ['a directory above those of init', ask({ syncDirs: ['uploads'] }, own(['uploads/photos']))],
    ['every directory where init listed some', ask({ syncDirs: [] })],
    ['one of two that is not open', ask({ syncDirs: ['uploads/photos', '.config'] })],
    ['a directory that no model declares', ask({ syncDirs: ['.ssh'] }, own([], ['uploads']))],
    ['a directory where nothing is declared', ask({ syncDirs: ['.ssh'] }, own([], []))],
    [
      'a directory in an open one, which would leave the rules of that behind',
      ask({ syncDirs: ['uploads/private'] }, own(['uploads'], ['uploads/photos'])),
    ],
    ['a name that begins like an open one', ask({ syncDirs: ['uploads2'] })],
  ])('%s is refused', (_, call) => {
    expect(call).toThrow(refused);
  });

  test.each<[string, () => void]>([
    ['nothing', ask({})],
    ['the same root', ask({ root: '/srv/app' })],
    ['the same directories', ask({ syncDirs: ['uploads'] })],
    [
      'one of those that models declare below those of init',
      ask({ syncDirs: ['uploads/photos'] }, own(['uploads'], ['uploads/photos', 'uploads/films'])),
    ],
    ['fewer directories', ask({ syncDirs: ['uploads'] }, own(['uploads', 'media'], []))],
    [
      'some of those that models declare',
      ask({ syncDirs: ['media'] }, own([], ['uploads', 'media'])),
    ],
    [
      'fewer of another host, whose models are not known here',
      ask({ syncDirs: ['media'] }, own([])),
    ],
  ])('%s is accepted', (_, call) => {
    expect(call).not.toThrow();
  });
});
