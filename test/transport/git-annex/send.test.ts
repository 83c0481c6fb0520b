import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Host } from '../../../src/model/host.js';
import { Repository } from '../../../src/transport/git/repository.js';
import type { Annex } from '../../../src/transport/git-annex/annex.js';
import { HostFetcher } from '../../../src/transport/git-annex/fetch.js';
import { makeKey, type AnnexKey } from '../../../src/transport/git-annex/key.js';
import { sendKeys } from '../../../src/transport/git-annex/send.js';
import type { Ssh } from '../../../src/transport/ssh/ssh.js';
import { makePartial } from '../../harness/partial.js';
import { makeTestDir, type TestDir } from '../../harness/tmp.js';
import { until } from '../../harness/wait.js';

const host = makePartial<Host>({
  id: 'b',
  hostname: 'web2',
  username: 'web',
  url: 'web2',
  sshPort: 22,
});
const key = makeKey({ size: 1, mtime: 1, sha256: 'a'.repeat(64) }) as AnnexKey;

let dir: TestDir, ends: { annex: Annex; ssh: Ssh };
beforeEach(async () => {
  dir = await makeTestDir();
  const bin = join(dir.path, 'bin');
  await mkdir(bin);
  // It says something and then waits, as for a host that sends nothing more. Its own program still
  // has the output open as git itself ends.
  await writeFile(
    join(bin, 'git'),
    '#!/bin/sh\n' +
      `case "$*" in *checkpresentkey*) exit 0;; esac\n` +
      `echo '{"file":null}'\n(trap '' TERM; touch '${dir.path}/started'; exec sleep 600) &\nwait\n`,
  );
  await chmod(join(bin, 'git'), 0o755);
  const repository = new Repository(dir.path, 'a', 600_000, {
    environment: { PATH: `${bin}:/usr/bin:/bin` },
  });
  const annex = makePartial<Annex>({
    place: dir.path,
    repository,
    requirePresence: () => Promise.resolve(),
    run: () => Promise.resolve({ code: 0, output: Buffer.alloc(0) }),
  });
  const target = { alias: 'web2', configFile: '/ssh/config', controlPath: '/ssh/control' };
  ends = { annex, ssh: { target: () => Promise.resolve(target) } as unknown as Ssh };
});
afterEach(() => dir.remove());

const hasStarted = (): Promise<unknown> =>
  until(async () => (await readdir(dir.path)).includes('started'));

test('a transfer that is ended while git-annex waits for the other host ends', async () => {
  const ending = new AbortController();
  const sending = sendKeys(ends, host, [key], ending.signal);
  await hasStarted();
  ending.abort();
  expect(await sending).toMatchObject({ code: 'CANCELLED' });
});

test('so does a fetch', async () => {
  const ending = new AbortController();
  const fetching = new HostFetcher(ends).fetch(key, [host], ending.signal);
  await hasStarted();
  ending.abort();
  await expect(fetching).rejects.toThrow('aborted');
});
