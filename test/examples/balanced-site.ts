import { expect } from 'vitest';
import type { Daemon } from '../harness/daemon.js';
import { until } from '../harness/wait.js';
import { dir, openSite, untilNothingPending, type Site } from '../flow/site.js';
import { get, Load } from './load.js';
import { SiteApp } from './site-app.js';

/** A web server in the two places of an example. */
export interface Balancing {
  startOnHost(root: string, appPort: number, port?: number): Promise<Daemon>;
  startBalancer(hostPorts: readonly number[]): Promise<Daemon>;
}

interface BalancedHost {
  readonly app: SiteApp;
  web: Daemon;
}

/** Three hosts, each with the example site behind a web server, and a balancer over them. */
export class BalancedSite {
  private constructor(
    readonly site: Site,
    private readonly balancing: Balancing,
    readonly hosts: BalancedHost[],
    private balancer: Daemon | undefined,
  ) {}

  static async open(balancing: Balancing): Promise<BalancedSite> {
    const balanced = new BalancedSite(
      await openSite({ environment: secret }),
      balancing,
      [],
      undefined,
    );
    try {
      await balanced.startHosts();
    } catch (error) {
      await balanced.close();
      throw error;
    }
    return balanced;
  }

  get url(): string {
    return urlOf(this.balancer);
  }

  /** Past the balancer. */
  urlOfHost(index: number): string {
    return urlOf(this.hosts[index]?.web);
  }

  async killHost(index: number): Promise<void> {
    const { app, web } = this.at(index);
    await Promise.all([
      app.end('SIGKILL'),
      web.close({ hard: true }),
      app.machine.ssh.stop({ hard: true }),
    ]);
  }

  async restartHost(index: number): Promise<void> {
    const host = this.at(index);
    await host.app.machine.ssh.start();
    await host.app.start();
    host.web = await this.startWeb(host.app, host.web.port);
  }

  /** 500 uploads and 2,000 reads. One host is killed meanwhile, and comes back. */
  async runLoadWhileHostIsKilled(): Promise<Load> {
    const load = new Load({
      uploads: 500,
      reads: 2_000,
      uploadTo: [this.url],
      readFrom: [this.url],
    });
    await load.run(500);
    load.enter('one down');
    const outage = load.run(1_500);
    await until(() => load.done >= 600, { timeout: 60_000, what: 'requests before the kill' });
    await this.killHost(1);
    await outage;
    let isBack = false;
    const comeback = load.run(2_000, () => isBack);
    await this.restartHost(1).finally(() => {
      isBack = true;
    });
    await comeback;
    await this.untilAllDeliver(load);
    load.enter('all up again');
    await load.run();
    return load;
  }

  /** Every acknowledged upload is on each disk, with its bytes, and each host serves it. */
  async expectAllEverywhere(load: Load): Promise<void> {
    for (const { app } of this.hosts)
      app.machine.app = await app.machine.startApp({ start: false });
    await untilNothingPending(this.site, 120_000);
    for (const [index, { app }] of this.hosts.entries()) {
      const tree = await app.machine.tree();
      const lost = [...load.acknowledged.keys()].filter((path) => tree[path] === undefined);
      expect(lost, app.machine.name).toEqual([]);
      for (const [path, content] of load.acknowledged) {
        const { status, body } = await get(`${this.urlOfHost(index)}/${path}`);
        expect([path, status, body.equals(content)]).toEqual([path, 200, true]);
      }
    }
  }

  async close(): Promise<void> {
    await this.balancer?.close();
    for (const { app, web } of this.hosts) {
      await web.close();
      await app.end('SIGKILL');
    }
    await this.site.close();
  }

  /** Waits until each host serves every upload that was acknowledged so far. */
  private async untilAllDeliver(load: Load): Promise<void> {
    const paths = [...load.acknowledged.keys()];
    for (const { app } of this.hosts) {
      const left = new Set(paths);
      await until(
        async () => {
          for (const path of left) {
            if ((await get(`${app.url}/${path}`)).status !== 200) return false;
            left.delete(path);
          }
          return true;
        },
        { timeout: 60_000, what: `${app.machine.name} to serve all uploads` },
      );
    }
  }

  private async startHosts(): Promise<void> {
    for (const machine of this.site.machines) {
      await machine.app.close();
      const app = await SiteApp.start(machine, this.site.database.uri);
      try {
        this.hosts.push({ app, web: await this.startWeb(app) });
      } catch (error) {
        await app.end('SIGKILL');
        throw error;
      }
    }
    this.balancer = await this.balancing.startBalancer(this.hosts.map(({ web }) => web.port));
  }

  private startWeb({ machine, port }: SiteApp, ownPort?: number): Promise<Daemon> {
    return this.balancing.startOnHost(machine.path('').replace(/\/$/, ''), port, ownPort);
  }

  private at(index: number): BalancedHost {
    const host = this.hosts[index];
    if (!host) throw new Error(`no host ${String(index)}`);
    return host;
  }
}

function urlOf(daemon: Daemon | undefined): string {
  if (!daemon) throw new Error('it does not run');
  return `http://127.0.0.1:${String(daemon.port)}`;
}

/** Of the sites that run the examples. */
export const secret = { SYNCMEDIA_SECRET: 'a secret of at least thirty-two bytes' };

/** Ways to write the path of a file in `.syncmedia` of the sync dir. */
export const internalPaths: readonly string[] = [
  `/${dir}/.syncmedia/id`,
  `/${dir}/.syncmedia/`,
  `/${dir}/.syncmedia`,
  `/${dir}/.syncmedia/trash/1/photos/old.jpg`,
  `/${dir}/%2esyncmedia/trash/1/photos/old.jpg`,
  `/${dir}/.%73yncmedi%61/trash/1/photos/old.jpg`,
  `/${dir}//.syncmedia//trash/1/photos/old.jpg`,
  `/${dir}/.syncmedia%2Ftrash/1/photos/old.jpg`,
  `/${dir}/./.syncmedia/./trash/1/photos/old.jpg`,
  `/${dir}/x/../.syncmedia/trash/1/photos/old.jpg`,
  `/${dir}/x/%2e%2E/%2esyncmedia/trash/1/photos/old.jpg`,
  `/x/../${dir}/.syncmedia/trash/1/photos/old.jpg`,
  `/${dir}/%252esyncmedia/trash/1/photos/old.jpg`,
  `/${dir}/.hidden.jpg`,
];

/** The text of an example, with each of some parts replaced; each must be there. */
export function adapt(text: string, replacements: Readonly<Record<string, string>>): string {
  return Object.entries(replacements).reduce((result, [from, to]) => {
    if (!result.includes(from)) throw new Error(`the example has no "${from}"`);
    return result.replaceAll(from, to);
  }, text);
}
