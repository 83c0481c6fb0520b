import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dir, openSite, threeOf, untilNothingPending, type Machine, type Site } from './site.js';
import { runCli } from '../cli/run-cli.js';
import { gateIsMissing } from '../gate/confined.js';
import { until } from '../harness/wait.js';

let site: Site;
let one: Machine, two: Machine, three: Machine;

const environment = { SYNCMEDIA_BACKEND: 'git' };
const file = `${dir}/picture.jpg`;

/** Saves a picture, and waits until every host of the site lists so many versions. */
async function save(content: string, at = one, path = file): Promise<void> {
  await at.write(path, content);
  await at.app.Photo.create({ title: content, file: path });
  await untilNothingPending(site);
}
async function untilListed(count: number, machines: Machine[], path = file): Promise<void> {
  for (const { app, name } of machines)
    await until(async () => (await app.sync.history.list(path)).length === count, {
      what: `${String(count)} versions on ${name}`,
    });
}

describe.skipIf(gateIsMissing !== undefined)('a site with the backend git', () => {
  beforeAll(async () => {
    site = await openSite({ environment });
    [one, two, three] = threeOf(site);
  });
  afterAll(async () => {
    await site.close();
  });

  test('every version is on every host, and each is restored from a host that did not save it', async () => {
    for (const content of ['first', 'second', 'third', 'fourth']) {
      await save(content);
    }
    await untilListed(4, [one, two, three]);
    const versions = await two.app.sync.history.list(file);
    expect(new Set(versions.map(({ hostname }) => hostname))).toEqual(new Set(['one']));
    expect(versions[0]?.savedBy?.model).toBe('Photo');
    for (const [index, content] of ['third', 'second', 'first'].entries()) {
      const revision = versions[index + 1]?.revision ?? '';
      const plan = await two.app.sync.history.restore(file, revision);
      expect(plan).toMatchObject({ dryRun: true, isCurrent: false, from: 'history' });
      expect(plan.hosts).toEqual(['two', 'one', 'three']);
      await two.app.sync.history.restore(file, revision, { dryRun: false });
      await until(async () =>
        (await Promise.all([one, two, three].map((machine) => machine.read(file)))).every(
          (read) => read === content,
        ),
      );
      await untilNothingPending(site);
    }
    // Each restore is a version of its own.
    await untilListed(7, [one, two, three]);
  });

  test('a version is found by the time at which it was current', async () => {
    const path = `${dir}/by-time.jpg`;
    await save('early', one, path);
    await untilListed(1, [one], path);
    const between = new Date();
    await until(() => Date.now() > between.getTime() + 5);
    await save('later', one, path);
    await untilListed(2, [one], path);
    const found = await one.app.sync.history.show(path, between.toISOString());
    expect(found.info?.size).toBe('early'.length);
    await expect(one.app.sync.history.show(path, '2001-01-01')).rejects.toMatchObject({
      code: 'NOT_RECORDED',
    });
  });

  test('withAuthor names the person, and everybody else is the configured author', async () => {
    const path = `${dir}/authored.jpg`;
    // A rescan could capture the file before its save, and knows no author.
    await until(async () => {
      const row = await site.database.connection
        .collection<{ rescans?: object }>('syncmedia_hosts')
        .findOne({ hostname: 'one' });
      return Object.keys(row?.rescans ?? {}).length === 0;
    });
    await one.write(path, 'by ada');
    await one.app.sync.withAuthor('Ada', async () => {
      await one.app.Photo.create({ title: 'x', file: path });
    });
    await untilListed(1, [one, two], path);
    const [version] = await two.app.sync.history.list(path);
    expect(version?.author).toBe('Ada');
    const [other] = await two.app.sync.history.list(file);
    expect(other?.author).toBe('syncmedia');
  });

  test('a restore counts for the file that was shown, and names who restored it', async () => {
    const path = `${dir}/shown.jpg`;
    await save('shown 1', one, path);
    await save('shown 2', one, path);
    await untilListed(2, [two], path);
    const { history } = two.app.sync;
    const revision = (await history.list(path))[1]?.revision ?? '';
    const shown = (await history.restore(path, revision)).current?.sha256 ?? '';
    for (const current of ['f'.repeat(64), null])
      await expect(
        history.restore(path, revision, { dryRun: false, current }),
      ).rejects.toMatchObject({ code: 'CHANGED' });
    expect(await two.read(path)).toBe('shown 2');
    await history.restore(path, revision, { dryRun: false, current: shown, by: 'Grace' });
    await until(async () => (await three.read(path)) === 'shown 1');
    await untilListed(3, [one, two], path);
    expect((await one.app.sync.history.list(path))[0]?.author).toBe('Grace');
  });

  test('forget removes a file from the history of every host', async () => {
    const path = `${dir}/private.jpg`;
    await save('private', one, path);
    await untilListed(1, [one, two, three], path);
    await three.app.sync.history.forget(path);
    await untilListed(0, [one, two, three], path);
    expect(await one.read(path)).toBe('private');
    // The others are still shared.
    const next = `${dir}/next.jpg`;
    await save('next', one, next);
    await untilListed(1, [one, two, three], next);
  });

  test('a file that is replaced right after its capture is recorded in both versions', async () => {
    const path = `${dir}/hasty.jpg`;
    for (const content of ['hasty 1', 'hasty 2', 'hasty 3']) {
      await one.write(path, content);
      await one.app.Photo.create({ title: content, file: path });
      await until(
        async () => (await one.app.sync.statusOf(path)).files[0]?.size === content.length,
      );
      await until(async () => {
        const [status] = (await one.app.sync.statusOf(path)).files;
        return status?.captured === true && status.pendingCaptures === undefined;
      });
    }
    await untilListed(3, [one], path);
  });

  test('a bundle has what git can read', async () => {
    const chunks: Uint8Array[] = [];
    for await (const bytes of await one.app.sync.history.bundle(new Date(0))) chunks.push(bytes);
    expect(Buffer.concat(chunks).toString('latin1')).toMatch(/^# v2 git bundle\n/);
  });

  test('the commands list, show, restore, bundle and forget', async () => {
    const path = `${dir}/by-command.jpg`;
    await save('command 1', one, path);
    await save('command 2', one, path);
    await untilListed(2, [one, two], path);
    const command = async (...args: string[]): Promise<string> => {
      const env = { ...two.environment, SYNCMEDIA_MONGODB_URI: site.database.uri };
      const { code, stdout, stderr } = await runCli(args, { env });
      expect(code, stderr).toBe(0);
      return stdout;
    };
    const { versions } = JSON.parse(await command('history', path, '--json')) as {
      versions: { revision: string }[];
    };
    const revision = versions[1]?.revision ?? '';
    expect(await command('history', path)).toContain(revision.slice(0, 12));
    const output = join(two.ssh.dir, 'shown.jpg');
    await command('history', 'show', path, '--at', revision, '--output', output);
    expect(await readFile(output, 'utf8')).toBe('command 1');
    expect(await command('restore', path, '--at', revision)).toContain('would restore');
    expect(await one.read(path)).toBe('command 2');
    await command('restore', path, '--at', revision, '--yes');
    await until(async () => (await one.read(path)) === 'command 1');
    // What is recorded after the request to forget stays.
    await untilListed(3, [two], path);
    const bundle = join(two.ssh.dir, 'all.bundle');
    await command('history', 'bundle', bundle, '--since', '2001-01-01');
    await promisify(execFile)('git', ['bundle', 'list-heads', bundle]);
    await command('history', 'forget', path);
    await untilListed(0, [one, two, three], path);
  });

  test('a history that fails delays no delivery, appears in status and doctor, and catches up', async () => {
    const repository = join(one.ssh.stateDir, 'git');
    // The disk of the history is away, and something else is in its place.
    await rename(repository, `${repository}.away`);
    await writeFile(repository, 'no directory');
    const path = `${dir}/meanwhile.jpg`;
    await save('meanwhile', one, path);
    expect(await three.read(path)).toBe('meanwhile');
    const status = await until(async () => {
      const found = (await two.app.sync.status()).hosts.find(({ hostname }) => hostname === 'one');
      return found?.history?.failure ? found.history : undefined;
    });
    expect(status.failure?.code).toBe('HISTORY_FAILED');
    expect(status.unrecorded).toBeGreaterThan(0);
    expect(await one.app.sync.doctor()).toContainEqual(
      expect.objectContaining({ name: 'history', state: 'failed' }),
    );
    expect(one.app.log.join('\n')).toContain('recording the history');
    await rm(repository);
    await rename(`${repository}.away`, repository);
    await untilListed(1, [one], path);
    await until(async () => {
      const found = (await two.app.sync.status()).hosts.find(({ hostname }) => hostname === 'one');
      return found?.history?.failure === undefined && found?.history?.unrecorded === 0;
    });
  });

  test('what a process could not record before it was closed is recorded by the next one', async () => {
    const path = `${dir}/before-the-end.jpg`;
    await one.write(path, 'before the end');
    await one.app.Photo.create({ title: 'x', file: path });
    await until(async () => (await one.app.sync.statusOf(path)).files[0]?.captured === true);
    await one.app.close();
    one.app = await one.startApp();
    await untilListed(1, [one, two], path);
  });

  test('the history of a host survives on the others', async () => {
    const path = `${dir}/survivor.jpg`;
    await save('survivor 1', one, path);
    await save('survivor 2', one, path);
    await untilListed(2, [two, three], path);
    await one.app.close();
    await rm(join(one.ssh.stateDir, 'git'), { recursive: true });
    const versions = await two.app.sync.history.list(path);
    await two.app.sync.history.restore(path, versions[1]?.revision ?? '', { dryRun: false });
    await until(async () => (await three.read(path)) === 'survivor 1');
    one.app = await one.startApp();
    await until(async () => (await one.read(path)) === 'survivor 1');
    // Its new history goes on beside the old one.
    await save('survivor 3', one, path);
    await untilListed(4, [two, three], path);
  });
});

test('the rsync backend says that it keeps no history', async () => {
  const plain = await openSite({ hosts: ['one'] });
  try {
    const [machine] = plain.machines;
    await expect(machine!.app.sync.history.list(file)).rejects.toMatchObject({
      code: 'NO_HISTORY',
    });
  } finally {
    await plain.close();
  }
});

test('without git, deliveries go on and the failure names the package', async () => {
  const plain = await openSite({ hosts: ['one', 'two'], environment });
  const path = process.env['PATH'];
  const folder = join(plain.machines[0]!.ssh.dir, 'no-git');
  try {
    const [first, second] = plain.machines as [Machine, Machine];
    await first.app.close();
    await second.app.close();
    await mkdir(folder);
    for (const [program, real] of await findPrograms(['rsync', 'ssh'])) {
      await writeFile(join(folder, program), `#!/bin/sh\nexec '${real}' "$@"\n`);
      await chmod(join(folder, program), 0o755);
    }
    process.env['PATH'] = folder;
    first.app = await first.startApp();
    second.app = await second.startApp();
    await first.write(file, 'without git');
    await first.app.Photo.create({ title: 'x', file });
    await until(async () => (await second.read(file)) === 'without git');
    await until(async () => {
      const [status] = (await first.app.sync.status()).hosts;
      return status?.history?.failure?.code === 'MISSING_PROGRAM';
    }).catch(async () => {
      throw new Error(first.app.log.join('\n'));
    });
    expect(first.app.log.join('\n')).toContain('apt-get install git');
  } finally {
    process.env['PATH'] = path;
    await plain.close();
  }
});

async function findPrograms(names: readonly string[]): Promise<[string, string][]> {
  const found: [string, string][] = [];
  for (const name of names)
    for (const folder of (process.env['PATH'] ?? '').split(':'))
      if (
        await readFile(join(folder, name)).then(
          () => true,
          () => false,
        )
      ) {
        found.push([name, join(folder, name)]);
        break;
      }
  return found;
}
