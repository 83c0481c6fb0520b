import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { startOtherSshd, type OtherSshd } from '../harness/other-sshd.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';
import { until } from '../harness/wait.js';
import { dir, openSite, untilNothingPending, type Site } from './site.js';

let site: Site | undefined, there: TestDir | undefined, sshd: OtherSshd | undefined;
afterEach(async () => {
  await site?.close();
  await sshd?.close();
  await there?.remove();
});

/** Sizes on both sides of the limits: one request, several, and a file that rsync carries. */
const sizes = [1_000, 31_952, 31_953, 100_000, 300_000, 3_000_000];

test('a passive host whose ssh server is not OpenSSH receives small and large files, also when they are replaced', async () => {
  site = await openSite({ hosts: ['one'] });
  const [one] = site.machines;
  there = await makeTestDir();
  sshd = await startOtherSshd(there.path, one?.ssh.publicKey ?? '');
  const root = join(there.path, 'root');
  await mkdir(join(root, dir), { recursive: true });
  await one?.app.sync.hosts.add({
    hostname: 'other',
    url: '127.0.0.1',
    sshPort: sshd.port,
    username: userInfo().username,
    root,
    hostKey: sshd.hostPublicKey,
  });
  // Until one knows the new host, and has looked for what that lacks.
  await until(async () => (await one?.app.sync.hosts.show('one'))?.backfilled?.length);
  for (let round = 0; round < 2; round++) {
    const sent = new Map<string, string>();
    for (const size of sizes) {
      const file = `${dir}/${String(size)}.bin`,
        content = randomBytes(size);
      sent.set(file, hash(content));
      await one?.write(file, content);
      await one?.app.Photo.create({ title: 'a', file });
    }
    await untilNothingPending(site);
    for (const [file, expected] of sent)
      expect(hash(await readFile(join(root, file))), file).toBe(expected);
  }
  const { hosts } = (await one?.app.sync.status()) ?? { hosts: [] };
  expect(hosts.find(({ hostname }) => hostname === 'other')).toMatchObject({
    blocked: 0,
    failures: [],
  });
});

function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
