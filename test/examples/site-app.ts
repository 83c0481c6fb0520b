import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { compileProgram } from '../harness/compile.js';
import { findFreePort } from '../harness/free-port.js';
import { until } from '../harness/wait.js';
import type { Machine } from '../flow/site.js';
import { get } from './load.js';

type Wrap = (program: string, args: string[]) => [program: string, args: string[]];

/** `examples/site/server.mjs` on one machine, in a process of its own. */
export class SiteApp {
  static readonly program = (): string =>
    compileProgram(new URL('../../examples/site/server.mjs', import.meta.url));
  private child: ChildProcess | undefined;

  private constructor(
    readonly machine: Machine,
    private readonly databaseUri: string,
    readonly port: number,
    private readonly wrap: Wrap,
  ) {}

  /** @param wrap makes another command of the one that starts it, such as that of a sandbox */
  static async start(
    machine: Machine,
    databaseUri: string,
    wrap: Wrap = (...command) => command,
  ): Promise<SiteApp> {
    const app = new SiteApp(machine, databaseUri, await findFreePort(), wrap);
    await app.start();
    return app;
  }

  get url(): string {
    return `http://127.0.0.1:${String(this.port)}`;
  }

  get environment(): Record<string, string> {
    return {
      ...this.machine.environment,
      SYNCMEDIA_MONGODB_URI: this.databaseUri,
      PORT: String(this.port),
    };
  }

  /** Resolves once the host is ready. */
  async start(): Promise<void> {
    const child = spawn(...this.wrap(process.execPath, [SiteApp.program()]), {
      env: { ...process.env, ...this.environment },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    this.child = child;
    await untilReady(this.url, () => child.exitCode === null);
  }

  /** Resolves with its exit code, or null if a signal ended it. */
  async end(signal: NodeJS.Signals): Promise<number | null | undefined> {
    const { child } = this;
    if (child?.exitCode !== null || child.signalCode !== null) return child?.exitCode;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
    return child.exitCode;
  }
}

/** Waits until the host behind this address may take visitors. */
export async function untilReady(url: string, runs = (): boolean => true): Promise<void> {
  await until(
    async () => {
      if (!runs()) return 'ended';
      return (await get(`${url}/ready`)).status === 200 && 'ready';
    },
    { timeout: 60_000, interval: 100, what: `${url} to be ready` },
  ).then((state) => {
    if (state === 'ended') throw new Error('the application ended before it was ready');
  });
}
