import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { expectGone } from '../harness/leftovers.js';
import { findFreePort } from '../harness/free-port.js';
import { makeTestDir } from '../harness/tmp.js';
import { until } from '../harness/wait.js';

export interface Nginx {
  readonly port: number;
  close(): Promise<void>;
}

/** Types that nginx has from Debian's configuration, as far as the tests ask for them. */
const TYPES = 'types { text/plain txt; text/html html; image/jpeg jpg; image/svg+xml svg; }';

/**
 * An nginx on loopback, in one process of this user, with nothing of the machine's own
 * configuration. @param locations the inside of its `server`
 */
export async function startNginx(program: string, locations: string): Promise<Nginx> {
  const folder = await makeTestDir(),
    port = await findFreePort(),
    configuration = `${folder.path}/nginx.conf`;
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  await mkdir(`${folder.path}/tmp`);
  await writeFile(
    configuration,
    [
      'daemon off;',
      'master_process off;',
      `pid ${folder.path}/pid;`,
      'error_log stderr;',
      'events {}',
      'http {',
      TYPES,
      'access_log off;',
      ...kinds.map((kind) => `${kind}_temp_path ${folder.path}/tmp/${kind};`),
      `server { listen 127.0.0.1:${String(port)};`,
      locations,
      '}',
      '}',
    ].join('\n'),
  );
  const child = spawn(program, ['-p', folder.path, '-c', configuration, '-e', 'stderr'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(child, 'exit');
  let said = '';
  child.stderr.on('data', (text: Buffer) => {
    said += text.toString();
  });
  const gone = expectGone('nginx', close);
  async function close(): Promise<void> {
    child.kill();
    await ended;
    await folder.remove();
    gone();
  }
  try {
    await until(
      () => {
        if (child.exitCode !== null) throw new Error(`nginx did not start: ${said}`);
        return listens(port);
      },
      { timeout: 20_000, what: 'the start of nginx' },
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
