import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Schema, type Connection, type Model } from 'mongoose';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { findTestProgram } from '../../scripts/test-programs.mjs';
import { createSyncMedia, type SyncMediaInstance } from '../../src/instance/create.js';
import { quick, type Photo } from '../flow/site.js';
import { gateIsMissing } from '../gate/confined.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { startHost, type TestHost } from '../harness/sshd.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';
import { until } from '../harness/wait.js';
import { listCommandLines } from './command-lines.js';
import { listCodeBlocks, readPage, rootDir } from './pages.js';
import { makeNpx, runOnTerminal } from './terminal.js';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 });

const run = promisify(execFile);
const lines = listCodeBlocks(readPage('docs/moving.md'))
  .filter(({ language }) => language === 'sh')
  .flatMap((block) => listCommandLines(block, { assignments: true }))
  .map(({ line }) => line);
/** Of lsyncd, as the page has them. */
const settings =
  listCodeBlocks(readPage('docs/moving.md')).find(({ code }) => code.includes('delete = false'))
    ?.code ?? expect.fail('no settings of lsyncd');
const lsyncd = await findTestProgram('lsyncd');
const findLine = (start: string): string =>
  lines.find((line) => line.startsWith(start)) ?? expect.fail(`no line starts with ${start}`);

/** A machine that the reader of the page moves, and its application once it is started. */
interface Machine {
  readonly host: TestHost;
  readonly environment: Record<string, string>;
  app?: { sync: SyncMediaInstance; connection: Connection; Photo: Model<Photo> };
}

describe.skipIf(gateIsMissing !== undefined)('the page on moving', () => {
  let database: TestDatabase, programs: TestDir, web1: Machine, web2: Machine;
  beforeEach(async () => {
    database = await testDatabase();
    programs = await makeTestDir();
    await makeNpx(programs.path);
    web1 = await startMachine('web1');
    web2 = await startMachine('web2');
  });
  afterEach(async () => {
    for (const { app, host } of [web1, web2]) {
      await app?.sync.close();
      await host.close();
    }
    await programs.remove();
    await database.close();
  });

  async function startMachine(name: string): Promise<Machine> {
    const host = await startHost({ name });
    await mkdir(join(host.dir, 'app'));
    return {
      host,
      environment: {
        HOME: host.dir,
        SYNCMEDIA_MONGODB_URI: database.uri,
        SYNCMEDIA_SECRET: 's'.repeat(64),
        SYNCMEDIA_STATE_DIR: host.stateDir,
        SYNCMEDIA_AUTHORIZED_KEYS: host.authorizedKeysFile,
        SYNCMEDIA_TIMEOUT: '10',
      },
    };
  }

  /** Runs a line in the application's directory of a machine. */
  async function runOn({ host, environment }: Machine, line: string): Promise<string> {
    const real = line.replaceAll('/srv/app', host.root).replaceAll('~/.ssh', join(host.dir, 'ssh'));
    const { code, shown } = await runOnTerminal(real, {
      cwd: join(host.dir, 'app'),
      env: { ...environment, PATH: `${programs.path}:${process.env['PATH'] ?? ''}` },
    });
    expect(code, `${real}\n${shown}`).toBe(0);
    return shown;
  }

  async function startApp(machine: Machine, syncDir: string): Promise<void> {
    const connection = await database.connect();
    const ignore = (): void => undefined;
    const log = { info: ignore, warn: ignore, error: ignore };
    const sync = createSyncMedia({ connection, environment: machine.environment, log }, quick);
    const schema = new Schema<Photo>({ title: String, file: String });
    schema.plugin(sync.plugin as never, { syncDirs: [syncDir], rescan: false } as never);
    machine.app = { sync, connection, Photo: connection.model<Photo>('Photo', schema) };
    await sync.start();
  }

  async function write(
    { host }: Machine,
    path: string,
    content: string,
    mtime?: number,
  ): Promise<void> {
    const at = join(host.root, path);
    await mkdir(dirname(at), { recursive: true });
    await writeFile(at, content);
    if (mtime !== undefined) await utimes(at, mtime, mtime);
  }

  const read = ({ host }: Machine, path: string): Promise<string | undefined> =>
    readFile(join(host.root, path), 'utf8').catch(() => undefined);
  const readDate = async ({ host }: Machine, path: string): Promise<number> =>
    (await stat(join(host.root, path))).mtimeMs;

  /** An upload on one machine reaches the other. */
  async function expectDelivery(from: Machine, to: Machine, path: string): Promise<void> {
    await write(from, path, `uploaded to ${path}`);
    await from.app?.Photo.create({ title: 'new', file: path });
    await until(async () => (await read(to, path)) === `uploaded to ${path}`, { timeout: 30_000 });
  }

  /** Steps 2 and 3 of the page, and the start of the applications. */
  async function moveTo(dir: string): Promise<void> {
    for (const machine of [web1, web2]) {
      const { name, port } = machine.host;
      const where = `--hostname ${name} --url 127.0.0.1 --port ${String(port)}`;
      expect(await runOn(machine, `${findLine('npx syncmedia init')} ${where}`)).toContain(' ok ');
    }
    await runOn(web1, findLine('npx syncmedia adopt'));
    for (const machine of [web1, web2]) await startApp(machine, dir);
  }

  test('from cron with rsync: the changed job does no harm while it still runs, and every file is everywhere', async () => {
    const dir = 'uploads/photos';
    const job = findLine('rsync').replace('web2:/srv/app', web2.host.root);
    for (const { host } of [web1, web2]) await mkdir(join(host.root, dir), { recursive: true });
    await write(web1, `${dir}/old.jpg`, 'old', 1_600_000_000);
    await write(web1, `${dir}/stale.jpg`, 'newer', 1_700_000_000);
    await runOn(web1, job);
    await write(web2, `${dir}/stale.jpg`, 'older', 1_500_000_000);
    await write(web2, `${dir}/only-web2.jpg`, 'only on web2', 1_600_000_000);
    await moveTo(dir);
    await runOn(web1, job);
    await expectDelivery(web2, web1, `${dir}/from-web2.jpg`);
    await expectDelivery(web1, web2, `${dir}/from-web1.jpg`);
    await runOn(web1, job);
    await expectDelivery(web2, web1, `${dir}/after-the-job.jpg`);
    for (const machine of [web1, web2]) {
      expect(await read(machine, `${dir}/stale.jpg`)).toBe('newer');
      expect(await read(machine, `${dir}/only-web2.jpg`)).toBe('only on web2');
      expect(await readDate(machine, `${dir}/old.jpg`)).toBe(1_600_000_000_000);
    }
    // The control: what the unchanged job does.
    const marker = `${dir}/.syncmedia/id`;
    expect(await read(web2, marker)).not.toBe(await read(web1, marker));
    await runOn(web1, job.replace('--exclude=.syncmedia/', '--delete'));
    expect(await read(web2, marker)).toBe(await read(web1, marker));
  });

  test.skipIf(lsyncd === undefined)(
    'from lsyncd: with the changed settings it does no harm while it still runs' +
      (lsyncd === undefined ? ' (skipped: no lsyncd; node scripts/setup.mjs --for tests)' : ''),
    async () => {
      const dir = 'uploads/photos';
      for (const { host } of [web1, web2]) await mkdir(join(host.root, dir), { recursive: true });
      await write(web1, `${dir}/old.jpg`, 'old', 1_600_000_000);
      const config = join(web1.host.dir, 'lsyncd.lua');
      const [source, target] = [web1, web2].map(({ host }) => JSON.stringify(join(host.root, dir)));
      const log = JSON.stringify(join(web1.host.dir, 'lsyncd.log'));
      await writeFile(
        config,
        `settings { nodaemon = true, logfile = ${log} }\n` +
          `sync { default.rsync, source = ${source ?? ''}, target = ${target ?? ''}, delay = 0,\n` +
          `${settings}}\n`,
      );
      const child = spawn(lsyncd ?? '', ['-nodaemon', config], { stdio: 'ignore' });
      const ended = once(child, 'exit');
      try {
        await until(async () => (await read(web2, `${dir}/old.jpg`)) === 'old', {
          timeout: 30_000,
          what: 'the first copy by lsyncd',
        });
        await moveTo(dir);
        await expectDelivery(web2, web1, `${dir}/from-web2.jpg`);
        await expectDelivery(web1, web2, `${dir}/from-web1.jpg`);
        // lsyncd has seen this file after all others.
        await write(web1, `${dir}/last.txt`, 'last');
        await until(async () => (await read(web2, `${dir}/last.txt`)) === 'last', {
          timeout: 30_000,
          what: 'the last copy by lsyncd',
        });
      } finally {
        child.kill();
        await ended;
      }
      expect(await read(web2, `${dir}/from-web2.jpg`)).toContain('uploaded');
      const marker = `${dir}/.syncmedia/id`;
      expect(await read(web2, marker)).not.toBe(await read(web1, marker));
      await expectDelivery(web2, web1, `${dir}/without-lsyncd.jpg`);
    },
  );

  test('from django-syncmedia: its hosts become hosts, its keys are gone, and equal files with other dates are not sent', async () => {
    const own =
      'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1qQ0o4pX5y8z1y1J7y5S1k1nq6J3l1m6d3q5s7w9x0 admin\n';
    await writeFile(web1.host.authorizedKeysFile, own);
    await writeFile(web2.host.authorizedKeysFile, `# admins\n${own}`);
    await web1.host.trust(web2.host.publicKey);
    await web2.host.trust(web1.host.publicKey);
    const rows = [web1, web2].map(({ host }, index) => ({
      pk: index + 1,
      model: 'syncmedia.host',
      fields: {
        hostname: host.name,
        url: host.hostname,
        port: host.port,
        username: host.username,
        pubkey: `${host.publicKey}\n`,
        sync_dirs: index === 0 ? '[]' : ['media/'],
        root_path: index === 0 ? null : host.root,
      },
    }));
    for (const { host } of [web1, web2]) {
      for (const dir of ['media', 'hidden']) await mkdir(join(host.root, dir));
      const cwd = join(host.dir, 'app');
      await writeFile(join(cwd, 'hosts.json'), JSON.stringify(rows));
      await copyFile(
        join(rootDir, 'examples/django-syncmedia/list-hosts.mjs'),
        join(cwd, 'list-hosts.mjs'),
      );
    }
    await write(web1, 'media/photos/a.jpg', 'a photo', 1_600_000_000);
    // As django-syncmedia copies, without dates.
    await run('rsync', ['-r', `${web1.host.root}/media/`, `${web2.host.root}/media/`]);
    expect(await readDate(web2, 'media/photos/a.jpg')).not.toBe(1_600_000_000_000);

    for (const machine of [web1, web2]) {
      for (const start of ['node list-hosts.mjs --keys', 'cp -p', 'grep -vFf'])
        await runOn(machine, findLine(start));
      const commands = await runOn(machine, findLine('node list-hosts.mjs --root'));
      const [, init = ''] = commands.split(`# on ${machine.host.name}:\n`)[1]?.match(/^(.*)/) ?? [];
      expect(init).toContain(`--sync-dirs ${machine === web1 ? 'media,hidden' : 'media'} `);
      expect(await readFile(machine.host.authorizedKeysFile, 'utf8')).toBe(
        machine === web1 ? own : `# admins\n${own}`,
      );
      expect((await stat(machine.host.authorizedKeysFile)).mode & 0o777).toBe(0o600);
      expect(await runOn(machine, init)).toContain(' ok ');
    }
    await runOn(web1, findLine('npx syncmedia adopt'));
    for (const machine of [web1, web2]) await startApp(machine, 'media');
    await until(async () => (await readDate(web2, 'media/photos/a.jpg')) === 1_600_000_000_000, {
      timeout: 30_000,
      what: 'the date of the ledger on web2',
    });
    await expectDelivery(web2, web1, 'media/photos/b.jpg');
    await expectDelivery(web1, web2, 'media/photos/c.jpg');
    const rsyncs = await web2.host.rsyncCalls();
    expect(rsyncs.filter((call) => call.includes('a.jpg'))).toEqual([]);
    for (const machine of [web1, web2]) {
      const keys = await readFile(machine.host.authorizedKeysFile, 'utf8');
      expect(keys).toContain(own);
      expect(await runOn(machine, 'npx syncmedia doctor')).toContain(
        'lets no host in outside the block',
      );
    }
  });
});

test('every shell line of the page is run here', () => {
  const starts = ['rsync', 'npx syncmedia init', 'npx syncmedia adopt', 'cp -p', 'grep -vFf'];
  const ours = [...starts, 'node list-hosts.mjs --keys', 'node list-hosts.mjs --root'];
  expect(lines.filter((line) => !ours.some((start) => line.startsWith(start)))).toEqual([]);
  expect(new Set(lines).size).toBe(ours.length);
});
