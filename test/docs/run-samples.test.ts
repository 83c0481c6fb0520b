import { tmpdir } from 'node:os';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { checkGate } from '../../src/access/gate.js';
import { formatFingerprint } from '../../src/util/public-key.js';
import { dir, untilNothingPending } from '../flow/site.js';
import { publicKey } from '../admin/recording-instance.js';
import { startHost, type TestHost } from '../harness/sshd.js';
import { until } from '../harness/wait.js';
import { makeRow } from '../hosts/rows.js';
import { expectOutput } from './outputs.js';
import { SampleSite } from './sample-site.js';
import { executedSamples } from './sample-lines.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** Outputs of the pages come from hosts that confine keys. */
const skipReason = await checkGate(tmpdir()).then(
  () => undefined,
  (error: unknown) => String(error),
);

let samples: SampleSite;
let backup: TestHost;
const done: string[] = [];

/** Runs a line of a page, in which values of this site take the place of the page's. */
async function run(
  line: string,
  {
    on = 'web1',
    code = 0,
    ...replaced
  }: { on?: string; code?: number } & Record<string, string | number> = {},
): Promise<string> {
  const real = Object.entries(replaced).reduce(
    (text, [from, to]) => text.replaceAll(from, String(to)),
    line,
  );
  const result = await samples.run(real, on);
  expect(result.code, `${real}\n${result.shown}`).toBe(code);
  done.push(line);
  const shown = Object.entries(replaced).reduce(
    (text, [from, to]) => text.replaceAll(String(to), from),
    result.shown,
  );
  await expectOutput(line, shown);
  return result.shown;
}

const photo = (name: string): string => `${dir}/${name}`;
async function save(on: string, name: string, content = name): Promise<void> {
  const { app, write } = samples.machine(on);
  await write(photo(name), content);
  await app.Photo.create({ title: `a photo called ${name}`, file: photo(name) });
}
const settle = (): Promise<void> => untilNothingPending(samples.site, 60_000);

describe.skipIf(skipReason !== undefined)('the shell lines of the pages', () => {
  beforeAll(async () => {
    samples = await SampleSite.open();
    backup = await startHost({ name: 'backup' });
  });
  afterAll(async () => {
    await backup.close();
    await samples.close();
  });

  test('adopt', async () => {
    const [old, older] = [1_700_000_000, 1_600_000_000];
    for (const [on, name, mtime] of [
      ['web1', 'old-1.jpg', old],
      ['web2', 'old-1.jpg', older],
      ['web1', 'old-2.jpg', old],
      ['web3', 'old-3.jpg', old],
    ] as const)
      await samples.machine(on).write(photo(name), 'a'.repeat(20_000 + name.length), mtime);
    await run('npx syncmedia adopt');
    await settle();
    await run('npx syncmedia adopt --env-file syncmedia.env');
  });

  test('status, hosts, doctor, keys', async () => {
    await save('web1', 'cat.jpg');
    await settle();
    await run('npx syncmedia status');
    await run('npx syncmedia status --details');
    await run('npx syncmedia status --check');
    await run('npx syncmedia status --env-file syncmedia.env');
    await run('npx syncmedia hosts');
    await run('npx syncmedia hosts show web2');
    await run('npx syncmedia hosts test web2');
    await run('npx syncmedia doctor');
    await run('npx syncmedia keys show web2');
    await run('npx syncmedia keys accept web2');
    await run('npx syncmedia hosts seal');
  });

  test('where', async () => {
    const { ssh } = samples.machine('web3');
    await ssh.stop();
    await save('web1', 'team.jpg', 't'.repeat(20_480));
    await until(
      async () => {
        const { files } = await samples.machine('web1').app.sync.statusOf(photo('team.jpg'));
        const [file] = files;
        return (
          file?.heldBy.length === 2 && file.pending.some(({ failure }) => failure !== undefined)
        );
      },
      { timeout: 30_000, what: 'the file on one of the other hosts' },
    );
    await run('npx syncmedia where uploads/photos/team.jpg', { code: 3 });
    await ssh.start();
    await settle();
    const team = await samples.machine('web1').app.Photo.findOne({ file: photo('team.jpg') });
    await run('npx syncmedia where Photo ID', { ID: String(team?._id) });
  });

  test('push, pull, verify', async () => {
    // Somebody removed a file of another host by hand.
    await rm(samples.machine('web2').path(photo('old-1.jpg')));
    await run('npx syncmedia push');
    await run('npx syncmedia push --host web2 --dir uploads/photos');
    await samples.machine('web2').write(photo('newer.jpg'), 'n'.repeat(12_345));
    await run('npx syncmedia pull --dry-run');
    await run('npx syncmedia pull');
    await settle();
    // Bits that rot keep size and date.
    const { path, write } = samples.machine('web3');
    const rotten = (await readFile(path(photo('old-2.jpg')))).fill('x', 0, 1);
    await write(photo('old-2.jpg'), rotten, 1_700_000_000);
    await run('npx syncmedia verify', { code: 3 });
    await run('npx syncmedia verify --repair');
  });

  test('conflicts', async () => {
    const listed = await samples.run('npx syncmedia conflicts --wide', 'web3');
    const kept = /\S*\.syncmedia\/conflicts\/\S+/.exec(listed.shown)?.[0] ?? expect.fail('none');
    const page = '.syncmedia/conflicts/0mx0fdrtk-dd0f37a15c475e89/old-2.jpg';
    const replaced = { on: 'web3', [page]: kept, KEPT_AS: kept };
    await run('npx syncmedia conflicts', { on: 'web3' });
    await run('npx syncmedia conflicts list --wide', { on: 'web3' });
    await run(`npx syncmedia conflicts compare uploads/photos ${page}`, replaced);
    await run('npx syncmedia conflicts compare uploads/photos KEPT_AS', replaced);
    await run(`npx syncmedia conflicts discard uploads/photos ${page}`, replaced);
    for (const line of [
      `npx syncmedia conflicts restore uploads/photos ${page}`,
      'npx syncmedia conflicts restore uploads/photos KEPT_AS',
      'npx syncmedia conflicts discard uploads/photos KEPT_AS',
    ]) {
      await samples.machine('web3').write(`${dir}/${kept}`, 'another version');
      await run(line, replaced);
      await settle();
    }
  });

  test('trash', async () => {
    const { app, path } = samples.machine('web1');
    await app.Photo.findOneAndDelete({ file: photo('cat.jpg') });
    await rm(path(photo('cat.jpg')));
    await until(async () => (await samples.machine('web2').read(photo('cat.jpg'))) === undefined, {
      timeout: 30_000,
    });
    await settle();
    const listed = await samples.run('npx syncmedia trash --wide', 'web2');
    const kept =
      /\S*\.syncmedia\/trash\/\S+cat\.jpg/.exec(listed.shown)?.[0] ?? expect.fail('none');
    const page = '.syncmedia/trash/0mx0fe6bi-6d8979fc0f07132b/cat.jpg';
    const replaced = { on: 'web2', [page]: kept, KEPT_AS: kept };
    await run('npx syncmedia trash', { on: 'web2' });
    await run('npx syncmedia trash list --wide', { on: 'web2' });
    await run(`npx syncmedia trash restore uploads/photos ${page}`, replaced);
    await settle();
    await samples.machine('web2').write(`${dir}/${kept}`, 'cat.jpg');
    await run('npx syncmedia trash restore uploads/photos KEPT_AS', replaced);
    await settle();
  });

  test('removals', async () => {
    for (const line of [
      'npx syncmedia removals approve uploads/photos',
      'npx syncmedia removals reject uploads/photos',
    ]) {
      const names = Array.from(
        { length: 40 },
        (_, index) => `${String(done.length)}-${String(index)}.jpg`,
      );
      for (const name of names) await save('web1', name);
      await settle();
      const { app, path } = samples.machine('web1');
      // The files go first: a look at half of them would be too few to halt.
      for (const name of names) await rm(path(photo(name)));
      await app.Photo.deleteMany({ file: { $in: names.map(photo) } });
      await until(async () => (await app.sync.removals.list()).length === 1, { timeout: 60_000 });
      if (line.includes('approve')) await run('npx syncmedia removals');
      await run(line);
      await settle();
    }
  });

  test('runs, audit', async () => {
    const [latest] = await samples.machine('web1').app.sync.runs.list();
    const ID = latest?.id ?? expect.fail('no run');
    await run('npx syncmedia runs');
    await run('npx syncmedia runs show ID', { ID });
    await run('npx syncmedia runs follow ID', { ID });
    await run('npx syncmedia runs cancel ID', { ID });
    await run('npx syncmedia audit');
    await run('npx syncmedia completion bash');
  });

  test('hosts that are new, change and leave', async () => {
    const { connection } = samples.machine('web1').app;
    await connection.collection<{ _id: string }>('syncmedia_hosts').insertOne(
      makeRow('b7c0f1de-5b43-4b7e-8a0e-5b2d3f6a9c11', {
        hostname: 'web4',
        url: '10.0.0.14',
        publicKey,
        hostKeys: [publicKey],
        status: 'pending',
      }),
    );
    await run('npx syncmedia approve');
    await run('npx syncmedia approve web4');
    await mkdir(join(backup.root, dir), { recursive: true });
    for (const { ssh } of samples.site.machines) await backup.trust(ssh.publicKey);
    const address = `--url 127.0.0.1 --port ${String(backup.port)}`;
    const passive = {
      '/srv/backup': backup.root,
      'SHA256:…': formatFingerprint(backup.hostPublicKeys[0] ?? ''),
    };
    await run(
      'npx syncmedia hosts add --hostname backup --root /srv/backup --fingerprint SHA256:…',
      {
        ...passive,
        '--root': `${address} --root`,
      },
    );
    await samples.run('npx syncmedia unregister backup', 'web1');
    await rm(join(backup.root, dir, '.syncmedia/id'));
    await run(
      'npx syncmedia hosts add --hostname backup --root /srv/backup --url backup.example.com --fingerprint SHA256:…',
      { ...passive, '--url backup.example.com': address },
    );
    await mkdir(join(backup.root, 'uploads/invoices'));
    await run('npx syncmedia hosts edit backup --sync-dirs uploads/photos');
    await run('npx syncmedia hosts edit backup --sync-dirs uploads/photos,uploads/invoices');
    expect(await readFile(join(backup.root, 'uploads/invoices/.syncmedia/id'), 'utf8')).toContain(
      'uploads/invoices',
    );
    await run('npx syncmedia hosts edit web3 --status paused');
    await run('npx syncmedia hosts edit web2 --status paused');
    await run('npx syncmedia hosts edit web2 --status approved');
    await run('npx syncmedia hosts edit web3 --url 10.0.0.13 --port 2222');
    await run('npx syncmedia hosts edit web2 --url 10.0.0.12');
    await run('npx syncmedia unregister web3');
    await run('npx syncmedia unregister', { on: 'web2' });
  });

  test('init', async () => {
    const { ssh } = samples.machine('web2');
    await run('mkdir -p /srv/app/uploads/photos', { '/srv/app': ssh.root });
    for (const line of [
      'npx syncmedia init --root /srv/app --sync-dirs uploads/photos --generate',
      'npx syncmedia init --env-file syncmedia.env --root /srv/app --sync-dirs uploads/photos --generate',
    ]) {
      await run(line, { on: 'web2', '/srv/app': ssh.root });
      await samples.run('npx syncmedia unregister', 'web2');
    }
    await samples.run(`npx syncmedia init --root ${ssh.root} --sync-dirs uploads/photos`, 'web2');
    await run('npx syncmedia unregister --purge', { on: 'web2' });
    expect(await readdir(join(ssh.root, 'uploads/photos'))).not.toContain('.syncmedia');
    await mkdir(samples.machine('web1').path('uploads/invoices'));
    await run('npx syncmedia init --sync-dirs uploads/photos,uploads/invoices');
  });

  test('are all run here, and no other line is said to be', () => {
    expect([...new Set(done)].sort()).toEqual([...executedSamples].sort());
  });
});
