import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Host } from '../../../src/model/host.js';
import type { GitExit, GitProcess } from '../../../src/transport/git/git-process.js';
import type { Repository } from '../../../src/transport/git/repository.js';
import type { Annex } from '../../../src/transport/git-annex/annex.js';
import { HostFetcher } from '../../../src/transport/git-annex/fetch.js';
import { makeKey, type AnnexKey } from '../../../src/transport/git-annex/key.js';
import type { Ssh } from '../../../src/transport/ssh/ssh.js';
import { makePartial } from '../../harness/partial.js';

const minute = 60_000;
const host = makePartial<Host>({ id: 'b', hostname: 'web2' });
const key = makeKey({ size: 64 * 1024 * 120, mtime: 1, sha256: 'a'.repeat(64) }) as AnnexKey;
const { signal } = new AbortController();

/** A git-annex that was started, and runs until the test or its owner ends it. */
interface Started {
  readonly command: string | undefined;
  readonly exit: (exit: Partial<GitExit>) => void;
  ended: GitExit['endedBy'];
}
let started: Started[], fetcher: HostFetcher;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  started = [];
  const repository = makePartial<Repository>({ start });
  const annex = makePartial<Annex>({
    place: '/annex',
    repository,
    requirePresence: () => Promise.resolve(),
    run: () => Promise.resolve({ code: 0, output: Buffer.alloc(0) }),
  });
  const target = { alias: 'web2', configFile: '/ssh/config', controlPath: '/ssh/control' };
  const ssh = { target: () => Promise.resolve(target) } as unknown as Ssh;
  fetcher = new HostFetcher({ annex, ssh });
});
afterEach(() => {
  vi.useRealTimers();
});

function start(args: readonly string[]): GitProcess {
  const stdout = new PassThrough();
  let resolve: (exit: GitExit) => void;
  const exited = new Promise<GitExit>((done) => {
    resolve = done;
  });
  const one: Started = {
    command: args[args.indexOf('annex') + 1],
    ended: undefined,
    exit: (exit) => {
      stdout.end();
      resolve({ code: null, stderr: '', ...exit });
    },
  };
  started.push(one);
  return makePartial<GitProcess>({
    stdin: new PassThrough(),
    stdout,
    exited,
    touch: () => undefined,
    end: (endedBy) => {
      one.ended = endedBy;
      one.exit({ endedBy });
    },
  });
}

/** Waits until so many were started, and returns the last of them. */
async function findStarted(count: number): Promise<Started> {
  await vi.waitFor(
    () => {
      expect(started).toHaveLength(count);
    },
    { timeout: 30_000 },
  );
  return started.at(-1) as Started;
}

test('a host that sends too slowly is given up, by a limit that grows with the size', async () => {
  const asked = fetcher.fetch(key, [host], signal);
  (await findStarted(1)).exit({ code: 0 });
  const get = await findStarted(2);
  // A minute, and 64 KiB in each second.
  await vi.advanceTimersByTimeAsync(2 * minute);
  expect([get.command, get.ended]).toEqual(['get', undefined]);
  await vi.advanceTimersByTimeAsync(minute);
  expect(get.ended).toBe('slowness');
  expect(await asked).toMatchObject([
    { host, answer: { kind: 'failed', why: expect.stringContaining('took too long') as unknown } },
  ]);
  expect(vi.getTimerCount()).toBe(0);
});

test('a content that arrives leaves no timer behind', async () => {
  const asked = fetcher.fetch(key, [host], signal);
  (await findStarted(1)).exit({ code: 0 });
  (await findStarted(2)).exit({ code: 0 });
  expect(await asked).toBeUndefined();
  expect(vi.getTimerCount()).toBe(0);
});

test('a host that was silent is left alone for five times as long', async () => {
  const first = fetcher.fetch(key, [host], signal);
  const probe = await findStarted(1);
  await vi.advanceTimersByTimeAsync(minute);
  probe.exit({ endedBy: 'silence' });
  const silent = [{ host, answer: { kind: 'silent' } }];
  expect(await first).toMatchObject(silent);
  await vi.advanceTimersByTimeAsync(4 * minute);
  expect(await fetcher.fetch(key, [host], signal)).toMatchObject(silent);
  expect(started).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(2 * minute);
  const again = fetcher.fetch(key, [host], signal);
  (await findStarted(2)).exit({ code: 1 });
  expect(await again).toMatchObject([{ host, answer: { kind: 'absent' } }]);
});
