import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { findFreePort } from './free-port.js';
import { expectGone } from './leftovers.js';
import { makeTestDir } from './tmp.js';
import { until } from './wait.js';

/** A server of another project that listens on loopback, in a folder of its own. */
export interface Daemon {
  readonly port: number;
  /** Ends it by SIGTERM, or at once by SIGKILL. */
  close(options?: { hard?: boolean }): Promise<void>;
}

export interface DaemonOptions {
  readonly name: string;
  /** Default: a free one. */
  readonly port?: number | undefined;
  /** Writes its configuration, and returns the program and its arguments. */
  configure(folder: string, port: number): Promise<[program: string, args: string[]]>;
}

/** Starts it, and waits until it listens. Its owner closes it. */
export async function startDaemon({ name, configure, ...options }: DaemonOptions): Promise<Daemon> {
  const folder = await makeTestDir();
  const port = options.port ?? (await findFreePort());
  const [program, args] = await configure(folder.path, port);
  const child = spawn(program, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, HOME: folder.path, XDG_CONFIG_HOME: folder.path },
  });
  const ended = once(child, 'exit');
  let said = '';
  child.stderr.on('data', (text: Buffer) => {
    // Enough for the reason why it does not start.
    if (said.length < 10_000) said += text.toString();
  });
  const gone = expectGone(name, close);
  async function close({ hard = false }: { hard?: boolean } = {}): Promise<void> {
    child.kill(hard ? 'SIGKILL' : 'SIGTERM');
    await ended;
    await folder.remove();
    gone();
  }
  try {
    await until(
      () => {
        if (child.exitCode !== null) throw new Error(`${name} did not start: ${said}`);
        return listens(port);
      },
      { timeout: 20_000, what: `the start of ${name}` },
    );
  } catch (error) {
    await close();
    throw error;
  }
  return { port, close };
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
