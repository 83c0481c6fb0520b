import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openSite, untilNothingPending, type Machine, type Site } from '../flow/site.js';
import { findFreePort } from '../harness/free-port.js';
import { until } from '../harness/wait.js';
import { adapt, secret } from './balanced-site.js';
import { explainLoad } from './explain-load.js';
import { installPm2 } from './install-pm2.js';
import { Load } from './load.js';
import { SiteApp, untilReady } from './site-app.js';

const run = promisify(execFile);
const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const pm2 = await installPm2();
afterAll(() => ('dir' in pm2 ? pm2.dir.remove() : undefined));

/** A host whose site runs under `pm2-runtime`, as the example says. */
class Pm2Host {
  readonly port: number;
  private child: ChildProcess | undefined;
  private readonly environment: Record<string, string>;

  private constructor(
    private readonly bin: string,
    machine: Machine,
    port: number,
  ) {
    this.port = port;
    this.environment = {
      HOME: machine.ssh.dir,
      PM2_HOME: join(machine.ssh.dir, 'pm2'),
      PM2_DISABLE_VERSION_CHECK: 'true',
    };
  }

  static async start(bin: string, machine: Machine, databaseUri: string): Promise<Pm2Host> {
    const host = new Pm2Host(bin, machine, await findFreePort());
    const { dir } = machine.ssh;
    await mkdir(join(dir, 'pm2'));
    const variables = {
      ...machine.environment,
      SYNCMEDIA_MONGODB_URI: databaseUri,
      PORT: String(host.port),
    };
    await writeFile(
      join(dir, 'syncmedia.env'),
      Object.entries(variables)
        .map(([name, value]) => `${name}=${value}\n`)
        .join(''),
    );
    const example = new URL('../../examples/pm2/ecosystem.config.cjs', import.meta.url);
    await writeFile(
      join(dir, 'ecosystem.config.cjs'),
      adapt(readFileSync(example, 'utf8'), {
        '/srv/app/server.mjs': SiteApp.program(),
        '/srv/app/syncmedia.env': join(dir, 'syncmedia.env'),
        "'/srv/app'": JSON.stringify(machine.ssh.root),
      }),
    );
    const child = spawn(
      process.execPath,
      [join(bin, 'pm2-runtime'), 'start', join(dir, 'ecosystem.config.cjs')],
      { env: { ...process.env, ...host.environment }, stdio: ['ignore', 'ignore', 'inherit'] },
    );
    host.child = child;
    await untilReady(host.url, () => child.exitCode === null);
    await until(async () => (await host.listWorkers()).length === 2, { timeout: 60_000 });
    return host;
  }

  get url(): string {
    return `http://127.0.0.1:${String(this.port)}`;
  }

  /** The pids of the workers that are online. */
  async listWorkers(): Promise<number[]> {
    const workers = JSON.parse(await this.command('jlist')) as {
      pid: number;
      pm2_env: { status: string };
    }[];
    return workers.filter(({ pm2_env: { status } }) => status === 'online').map(({ pid }) => pid);
  }

  async reload(): Promise<void> {
    await this.command('reload', 'site');
  }

  async close(): Promise<void> {
    const { child } = this;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGINT');
    await gone;
  }

  private async command(...words: string[]): Promise<string> {
    const { stdout } = await run(process.execPath, [join(this.bin, 'pm2'), ...words], {
      env: { ...process.env, ...this.environment },
      timeout: 60_000,
    });
    return stdout;
  }
}

describe.skipIf('missing' in pm2)(
  `examples/pm2${'missing' in pm2 ? ` (skipped: ${pm2.missing})` : ''}`,
  () => {
    let site: Site, workers: Pm2Host, other: SiteApp;
    beforeAll(async () => {
      site = await openSite({ hosts: ['one', 'two'], environment: secret });
      const [one, two] = site.machines as [Machine, Machine];
      await one.app.close();
      await two.app.close();
      const { uri } = site.database;
      workers = await Pm2Host.start('bin' in pm2 ? pm2.bin : '', one, uri);
      other = await SiteApp.start(two, uri);
    }, 240_000);
    afterAll(async () => {
      await workers.close();
      await other.end('SIGKILL');
      await site.close();
    }, 60_000);

    test('no request fails while the workers are reloaded, and every upload is on both hosts', async () => {
      const load = new Load({
        uploads: 500,
        reads: 2_000,
        uploadTo: [workers.url],
        readFrom: [workers.url, other.url],
      });
      for (const upTo of [800, 1_600, 2_400]) {
        const before = await workers.listWorkers();
        let isReloaded = false;
        const running = load.run(upTo, () => isReloaded);
        await workers.reload().finally(() => {
          isReloaded = true;
        });
        await running;
        const now = await workers.listWorkers();
        expect(now).toHaveLength(2);
        expect(now.filter((pid) => before.includes(pid))).toEqual([]);
      }
      await load.run();
      console.log(explainLoad(load.counts));
      expect(Object.keys(load.counts).sort()).toEqual(['all up: read 200', 'all up: upload 201']);
      expect(load.sent('upload')).toBeGreaterThanOrEqual(500);
      expect(load.sent('read')).toBeGreaterThanOrEqual(2_000);

      for (const machine of site.machines) machine.app = await machine.startApp({ start: false });
      await untilNothingPending(site, 120_000);
      for (const { name, tree } of site.machines) {
        const files = await tree();
        const lost = [...load.acknowledged].filter(
          ([path, content]) => files[path] !== hash(content),
        );
        expect(
          lost.map(([path]) => path),
          name,
        ).toEqual([]);
      }
    }, 600_000);
  },
);
