import { chmod, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { explainNoDatabase, findWay } from '../../scripts/database.mjs';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

describe('findWay', () => {
  let dir: TestDir;
  let server: Server | undefined;
  const sockets = new Set<Socket>();
  beforeEach(async () => {
    dir = await makeTestDir();
    // Whatever the machine has: these tests see only the directory that they made.
    vi.stubEnv('MONGOMS_DOWNLOAD_DIR', join(dir.path, 'none'));
    vi.stubEnv('MONGOMS_SYSTEM_BINARY', undefined);
    vi.stubEnv('MONGOMS_PREFER_GLOBAL_PATH', 'false');
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    for (const socket of sockets) socket.destroy();
    if (server) await new Promise((resolve) => server?.close(resolve));
    server = undefined;
    await dir.remove();
  });

  const environment = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({ PATH: dir.path, XDG_CACHE_HOME: dir.path, ...more });

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

  it('takes MONGODB_URI before all', async () => {
    await install('mongod');
    expect(await findWay({ env: environment({ MONGODB_URI: 'mongodb://here' }) })).toEqual({ way: 'uri', uri: 'mongodb://here' });
  });

  it('takes a mongod that is installed', async () => {
    const binary = await install('mongod');
    expect(await findWay({ env: environment() })).toEqual({ way: 'mongod', binary });
  });

  it('downloads one where the host answers', async () => {
    vi.stubEnv('MONGOMS_DOWNLOAD_MIRROR', await listen(createHttpServer((_, response) => response.writeHead(403).end())));
    for (const name of ['java', 'javac', 'mvn']) await install(name);
    expect(await findWay({ env: environment() })).toEqual({ way: 'download' });
  });

  it('asks through a proxy where there is one', async () => {
    vi.stubEnv('MONGOMS_DOWNLOAD_MIRROR', 'https://mirror.invalid');
    const asked: string[] = [];
    const proxy = createHttpServer().on('connect', (request, socket) => {
      asked.push(request.url ?? '');
      socket.end('HTTP/1.1 200 OK\r\n\r\n');
    });
    expect(await findWay({ env: environment({ HTTPS_PROXY: await listen(proxy) }) })).toEqual({ way: 'download' });
    expect(asked).toEqual(['mirror.invalid:443']);
  });

  it('gives a host that stalls a second and a half', async () => {
    vi.stubEnv('MONGOMS_DOWNLOAD_MIRROR', await listen(createServer()));
    for (const name of ['java', 'javac', 'mvn']) await install(name);
    const start = performance.now();
    // Which depends on whether this machine has built the launcher already.
    expect((await findWay({ env: environment() })).way).toMatch(/^(maven|java)$/);
    expect(performance.now() - start).toBeLessThan(4000);
  });

  it('says what is missing where every way is closed', async () => {
    await install('javac');
    expect(await findWay({ env: environment(), download: false })).toEqual({ way: 'none', missing: ['java', 'mvn'] });
  });
});

it('names the three ways', () => {
  expect(explainNoDatabase(['mvn'])).toMatch(/MONGODB_URI[^]*mongod[^]*mongo-java-server \(missing: mvn\)/);
});
