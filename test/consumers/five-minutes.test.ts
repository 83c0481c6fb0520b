import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { listCodeBlocks, readPage } from '../docs/pages.js';
import { gateIsMissing } from '../gate/confined.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { findFreePort } from '../harness/free-port.js';
import { startHost, type TestHost } from '../harness/sshd.js';
import type { TestDir } from '../harness/tmp.js';
import { until } from '../harness/wait.js';
import { copyApp, installByNpm, pack } from './packed.js';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 300_000 });

const blocks = listCodeBlocks(readPage('docs/five-minutes.md'));
/** A line of a shell block of the page. */
function findLine(start: string): string {
  const line = blocks
    .filter(({ language }) => language === 'sh')
    .flatMap(({ code }) => code.split('\n'))
    .find((one) => one.startsWith(start));
  return line ?? expect.fail(`docs/five-minutes.md has no line that starts with ${start}`);
}

/** A machine of a reader: its host, its application, and the process of the application. */
interface Reader {
  readonly host: TestHost;
  readonly port: number;
  server?: { readonly child: ChildProcess; stderr: string };
}

/** Follows the page on two machines with the package as it is published. */
describe.skipIf(gateIsMissing !== undefined)('the page Five minutes', () => {
  let app: TestDir;
  let database: TestDatabase;
  const readers: Reader[] = [];
  beforeAll(async () => {
    app = await copyApp('mongoose9-express5', await pack());
    await installByNpm(app);
  });
  afterAll(async () => {
    await app.remove();
  });
  afterEach(async () => {
    for (const { host, server } of readers.splice(0)) {
      server?.child.kill('SIGKILL');
      await host.close();
    }
    await database.close();
  });

  /** Runs a line of the page in the application's directory of a machine. */
  async function run({ host, port }: Reader, line: string): Promise<string> {
    const real = line
      .replaceAll('/srv/app', host.root)
      .replaceAll(':3000', `:${String(port)}`)
      .replace('npx ', `${join(app.path, 'node_modules/.bin')}/`);
    const { stdout } = await promisify(execFile)('sh', ['-ec', real], {
      cwd: host.root,
      env: { PATH: process.env['PATH'], HOME: host.dir },
      timeout: 60_000,
    });
    return stdout;
  }

  async function prepare(name: string, code: string, file: string): Promise<Reader> {
    const reader: Reader = { host: await startHost({ name }), port: await findFreePort() };
    readers.push(reader);
    const { root, stateDir, authorizedKeysFile, port } = reader.host;
    await symlink(join(app.path, 'node_modules'), join(root, 'node_modules'));
    await writeFile(
      join(root, file),
      code.replace('listen(3000)', `listen(${String(reader.port)})`),
    );
    await writeFile(join(root, 'cat.jpg'), `the cat of ${name}`);
    // The page's own three variables, and those that make a machine out of a directory.
    const variables = {
      SYNCMEDIA_MONGODB_URI: database.uri,
      SYNCMEDIA_SECRET: 's'.repeat(64),
      SYNCMEDIA_ADMIN_TOKEN: 't'.repeat(64),
      SYNCMEDIA_STATE_DIR: stateDir,
      SYNCMEDIA_AUTHORIZED_KEYS: authorizedKeysFile,
      SYNCMEDIA_HOSTNAME: name,
      SYNCMEDIA_URL: '127.0.0.1',
      SYNCMEDIA_SSH_PORT: String(port),
    };
    const text = Object.entries(variables).map(([key, value]) => `${key}=${value}\n`);
    await writeFile(join(root, 'syncmedia.env'), text.join(''), { mode: 0o600 });
    return reader;
  }

  async function start(reader: Reader, file: string): Promise<void> {
    const [, ...args] = findLine('node --env-file').replace('server.mjs', file).split(' ');
    const child = spawn(process.execPath, args, {
      cwd: reader.host.root,
      env: { PATH: process.env['PATH'], HOME: reader.host.dir },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const server = { child, stderr: '' };
    reader.server = server;
    child.stderr.setEncoding('utf8').on('data', (part: string) => (server.stderr += part));
    await until(() => server.stderr.includes('\n') || child.exitCode !== null, {
      timeout: 60_000,
      what: 'the line of the start',
    });
  }

  test.each([
    ['ES modules', 'ts', 'server.mjs'],
    ['CommonJS', 'js', 'server.cjs'],
  ])(
    'leads to the first file on every host, without a warning, in %s',
    async (_, language, file) => {
      database = await testDatabase();
      const sample =
        blocks.find((block) => block.language === language) ?? expect.fail('no sample');
      const web1 = await prepare('web1', sample.code, file);
      const web2 = await prepare('web2', sample.code, file);
      for (const reader of [web1, web2]) {
        await run(reader, findLine('mkdir -p'));
        await writeFile(join(reader.host.root, `uploads/photos/of-${reader.host.name}.jpg`), 'old');
        expect(await run(reader, findLine('npx syncmedia init'))).not.toContain('FAILED');
      }
      await run(web1, `${findLine('npx syncmedia adopt')} --yes`);
      for (const reader of [web1, web2]) await start(reader, file);
      const [sent = ''] = (await run(web1, findLine('curl'))).split('\n');
      expect(sent).toMatch(/^\/uploads\/photos\/[0-9a-f-]+\.jpg$/);
      await until(
        () =>
          readFile(join(web2.host.root, sent), 'utf8').then(
            (text) => text === 'the cat of web1',
            () => false,
          ),
        { timeout: 30_000, what: 'the upload on the other host' },
      );
      for (const { host } of [web1, web2])
        for (const name of ['of-web1.jpg', 'of-web2.jpg'])
          expect(await readFile(join(host.root, 'uploads/photos', name), 'utf8')).toBe('old');
      // web2 may still compare its files with those of web1.
      await until(
        async () =>
          /^Everything is everywhere [^]*web1 +✓ up to date[^]*web2 +✓ up to date[^]*this host/.test(
            await run(web2, findLine('npx syncmedia status')),
          ),
        { timeout: 60_000, what: 'two hosts that are up to date' },
      );
      const ask = listCodeBlocks(readPage('docs/router.md')).find(({ code }) =>
        code.includes('curl'),
      );
      const status = await run(web1, `. ./syncmedia.env; ${ask?.code ?? ''}`);
      expect(JSON.parse(status)).toMatchObject({ initialised: true });
      for (const { host, server } of [web1, web2]) {
        expect(server?.stderr).toMatch(
          new RegExp(
            `^syncmedia: started on host ${host.name}; sync dirs: uploads/photos; [^\\n]+\\n$`,
          ),
        );
        server?.child.kill('SIGTERM');
        if (server && server.child.exitCode === null) await once(server.child, 'exit');
        expect(server?.child.exitCode).toBe(0);
      }
    },
  );
});
