import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compileProgram } from '../harness/compile.js';
import { until } from '../harness/wait.js';
import { dir, openSite, untilNothingPending, type Machine, type Site } from './site.js';

const program = compileProgram(new URL('serving-app.ts', import.meta.url));
/**
 * A quarter of the promised pace, for machines of two busy cores; with UPLOADS_PER_SECOND=20 in the
 * environment it is all of that.
 */
const uploadsPerSecond = Number(process.env['UPLOADS_PER_SECOND'] ?? 5),
  getsPerSecond = 5 * uploadsPerSecond;
/** Requests under way; where the machine is too slow for more they are left out, and counted. */
const underWayLimit = 300;
/** Files that visitors get, with all hosts running, before the next host restarts. */
const getsBetween = Math.min(100, 2 * getsPerSecond);

/**
 * How a process ends: it closes its instance at SIGTERM; it has no handler for that; or it is
 * killed.
 */
const endings = { closes: 'SIGTERM', dies: 'SIGTERM', killed: 'SIGKILL' } as const;
type Ending = keyof typeof endings;

/** The app of one machine, in a process of its own. */
class RunningApp {
  private child: ChildProcess | undefined;
  /** Where it answers; undefined from the moment of the signal until the next one listens. */
  url: string | undefined;

  constructor(
    readonly machine: Machine,
    private readonly uri: string,
  ) {}

  async start(ending: Ending): Promise<void> {
    const child = spawn(process.execPath, [program, this.uri, dir, ending], {
      env: { ...process.env, ...this.machine.environment },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.child = child;
    for await (const line of createInterface({ input: child.stdout })) {
      const [, port] = /^listening (\d+)$/.exec(line) ?? [];
      if (port === undefined) continue;
      this.url = `http://127.0.0.1:${port}`;
      return;
    }
    throw new Error(`the app of ${this.machine.name} ended before it listened`);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    this.url = undefined;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }
}

let site: Site, apps: RunningApp[];
beforeAll(async () => {
  site = await openSite();
  for (const { app } of site.machines) await app.close();
  apps = site.machines.map((machine) => new RunningApp(machine, site.database.uri));
  await Promise.all(apps.map((app) => app.start('closes')));
}, 240_000);
afterAll(async () => {
  for (const app of apps) await app.end('SIGKILL');
  await site.close();
});

/**
 * Uploads and downloads at a steady pace, to hosts that run. What came of them is counted by its
 * cause.
 */
class Load {
  readonly counts: Record<string, number> = {};
  private readonly names: string[] = [];
  private readonly underWay = new Set<Promise<void>>();
  private readonly timers: NodeJS.Timeout[] = [];
  private made = 0;

  get acknowledged(): readonly string[] {
    return this.names;
  }
  get got(): number {
    return this.counts['GET 200'] ?? 0;
  }

  start(): void {
    this.timers.push(
      setInterval(() => {
        this.begin((app, url) => this.upload(app, url));
      }, 1_000 / uploadsPerSecond),
    );
    this.timers.push(
      setInterval(() => {
        this.begin((app, url) => this.get(app, url));
      }, 1_000 / getsPerSecond),
    );
  }

  async stop(): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    await Promise.all(this.underWay);
  }

  private count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  private begin(work: (app: RunningApp, url: string) => Promise<void>): void {
    const running = apps.filter(({ url }) => url !== undefined);
    const app = running[Math.floor(Math.random() * running.length)];
    if (app?.url === undefined) return;
    if (this.underWay.size >= underWayLimit) {
      this.count('not sent');
      return;
    }
    const doing = work(app, app.url).finally(() => {
      this.underWay.delete(doing);
    });
    this.underWay.add(doing);
  }

  private async upload(app: RunningApp, url: string): Promise<void> {
    const name = `${String(this.made++)}.jpg`;
    try {
      const { status } = await fetch(`${url}/photos/${name}`, { method: 'POST', body: name });
      this.count(`upload ${String(status)}`);
      if (status === 201) this.names.push(name);
    } catch {
      this.count(app.url === url ? 'upload broken' : 'upload to a host that was ended meanwhile');
    }
  }

  /** Half of them ask for one of the newest, which are on their way. */
  private async get(app: RunningApp, url: string): Promise<void> {
    const from = Math.random() < 0.5 ? Math.max(0, this.names.length - 10) : 0;
    const name = this.names[from + Math.floor(Math.random() * (this.names.length - from))];
    if (name === undefined) return;
    let came: string;
    try {
      const response = await fetch(`${url}/uploads/photos/${name}`);
      const body = await response.text();
      came =
        response.status === 200 && body !== name
          ? 'GET other bytes'
          : `GET ${String(response.status)}`;
    } catch {
      came = 'GET broken';
    }
    this.count(
      app.url === url || came === 'GET 200' ? came : `${came} of a host that was ended meanwhile`,
    );
  }
}

test('no upload that was acknowledged is missing on a host that runs, while each host restarts in turn', async () => {
  const load = new Load();
  load.start();
  await until(() => load.acknowledged.length > 20, { timeout: 60_000 });
  const all = Object.keys(endings) as Ending[];
  for (const [round, ending] of all.entries()) {
    for (const app of apps) {
      await app.end(endings[ending]);
      // The next round ends it in another way.
      await app.start(all[round + 1] ?? 'closes');
      const before = load.got;
      await until(() => load.got >= before + getsBetween, { timeout: 120_000 });
    }
  }
  await load.stop();
  console.log(`rolling restart: ${JSON.stringify(load.counts)}`);
  expect(load.counts).not.toHaveProperty('GET 404');
  expect(load.counts).not.toHaveProperty('GET other bytes');
  expect(load.got).toBeGreaterThan(9 * getsBetween);
  for (const { machine } of apps)
    await machine.startApp({ start: false }).then((app) => {
      machine.app = app;
    });
  await untilNothingPending(site, 120_000);
  for (const { machine } of apps) {
    const tree = await machine.tree();
    expect(
      load.acknowledged.filter((name) => tree[`${dir}/${name}`] === undefined),
      machine.name,
    ).toEqual([]);
  }
}, 600_000);
