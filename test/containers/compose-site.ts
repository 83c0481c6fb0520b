import { createHash, randomBytes } from 'node:crypto';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { containerBase } from '../../scripts/containers.mjs';
import { findTestProgram } from '../../scripts/test-programs.mjs';
import type { HostOverview, Overview } from '../../src/api/overview.js';
import { execute, installByNpm, pack } from '../consumers/packed.js';
import { adapt } from '../examples/balanced-site.js';
import type { Talker } from '../harness/talker.js';
import { makeTestDir } from '../harness/tmp.js';
import { until } from '../harness/wait.js';
import type { Podman } from './podman.js';

const examples = fileURLToPath(new URL('../../examples/', import.meta.url));
const commandLine = 'node_modules/syncmedia/dist/cli/main.js';

interface UploadAnswer {
  readonly status: number;
  readonly file: string;
  readonly sha256: string;
}

/** The example for compose, with images that are made here. */
export class ComposeSite {
  private constructor(
    private readonly podman: Podman,
    private readonly client: Talker,
    private readonly folder: string,
  ) {}

  /** Builds the images and starts nothing. @param mongod the program */
  static async prepare(podman: Podman, client: Talker, mongod: string): Promise<ComposeSite> {
    // podman-compose names everything after the folder.
    const folder = join(podman.dir.path, 'site');
    await buildBase(podman, mongod);
    await makeContext(folder);
    await podman.run('build', '--network=none', '--tag', 'localhost/site', folder);
    return new ComposeSite(podman, client, folder);
  }

  compose(...args: string[]): Promise<string> {
    return this.podman.compose(this.folder, ...args);
  }

  podmanOn(command: string, name: string, ...options: string[]): Promise<string> {
    return this.podman.run(command, ...options, `site_${name}_1`);
  }

  /** Sets a variable of one host in compose.yaml. */
  async setVariable(host: string, name: string, value: string): Promise<void> {
    const file = join(this.folder, 'compose.yaml');
    const line = `      SYNCMEDIA_HOSTNAME: ${host}\n`;
    const text = await readFile(file, 'utf8');
    await writeFile(file, adapt(text, { [line]: `${line}      ${name}: ${value}\n` }));
  }

  /** Uploads a picture, which has to be acknowledged, and returns it with its hash. */
  async upload(to: string): Promise<[file: string, sha256: string]> {
    const content = randomBytes(20).toString('hex');
    const answer = await this.ask<UploadAnswer>(`upload ${await this.urlOf(to)} ${content}`);
    if (answer.status !== 201) throw new Error(`${to} answered ${JSON.stringify(answer)}`);
    return [answer.file, answer.sha256];
  }

  async addressOf(name: string): Promise<string> {
    const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
    return (await this.podmanOn('inspect', name, '--format', format)).trim();
  }

  async urlOf(name: string): Promise<string> {
    return `http://${await this.addressOf(name)}:${name === 'balancer' ? '8080' : '3000'}`;
  }

  /** The volume of a host, as a folder of this machine. */
  async volumeOf(name: string): Promise<string> {
    const format = '{{.Mountpoint}}';
    return (await this.podman.run('volume', 'inspect', '--format', format, `site_${name}`)).trim();
  }

  async ask<T>(command: string): Promise<T> {
    return JSON.parse(await this.client.ask(command)) as T;
  }

  async untilReady(...names: string[]): Promise<void> {
    for (const name of names)
      await until(
        async () => {
          const { status } = await this.ask<{ status: number }>(
            `get ${await this.urlOf(name)}/ready`,
          );
          return status === 200;
        },
        { timeout: 120_000, interval: 100, what: `${name} to be ready` },
      );
  }

  /** Uploads until it is acknowledged, and waits until the file is on the disks of these hosts. */
  async uploadUntilOn(from: string, names: readonly string[]): Promise<string> {
    const uploaded = await until(() => this.upload(from), {
      timeout: 120_000,
      interval: 100,
      what: `an upload to ${from}`,
    });
    await this.untilOn(names, [uploaded]);
    return uploaded[0];
  }

  /** Waits until these files are on the disks of these hosts, with these hashes. */
  async untilOn(
    names: readonly string[],
    files: readonly (readonly [file: string, sha256: string])[],
  ): Promise<void> {
    for (const name of names) {
      const site = join(await this.volumeOf(name), 'site');
      const left = new Map(files);
      await until(
        async () => {
          for (const [file, sha256] of left) {
            const bytes = await readFile(join(site, file)).catch(() => undefined);
            if (!bytes || createHash('sha256').update(bytes).digest('hex') !== sha256) return false;
            left.delete(file);
          }
          return true;
        },
        { timeout: 120_000, what: `${String(files.length)} files on the disk of ${name}` },
      );
    }
  }

  async listHosts(on = 'web1'): Promise<HostOverview[]> {
    const output = await this.podman.run(
      ...['exec', `site_${on}_1`, 'node', commandLine, 'status', '--json'],
    );
    return (JSON.parse(output) as Overview).hosts ?? [];
  }

  logOf(name: string): Promise<string> {
    return this.podmanOn('logs', name, '--tail=40');
  }
}

/** An image with Debian's packages, Node, mongod and Caddy, in the place of those of registries. */
async function buildBase(podman: Podman, mongod: string): Promise<void> {
  const folder = await makeTestDir();
  try {
    const caddy = await findTestProgram('caddy');
    if (caddy === undefined) throw new Error('there is no caddy: node scripts/setup.mjs');
    await cp(process.execPath, join(folder.path, 'node'));
    await cp(mongod, join(folder.path, 'mongod'));
    await cp(caddy, join(folder.path, 'caddy'));
    await cp(containerBase(), join(folder.path, 'base.tar'));
    await writeFile(
      join(folder.path, 'Containerfile'),
      'FROM scratch\nADD base.tar /\nCOPY node mongod caddy /usr/local/bin/\n',
    );
    await podman.run('build', '--network=none', '--tag', 'localhost/base', folder.path);
  } finally {
    await folder.remove();
  }
}

/** The example, with packages that are installed here: nothing is fetched within a container. */
async function makeContext(folder: string): Promise<void> {
  const read = (file: string): Promise<string> => readFile(join(examples, file), 'utf8');
  await mkdir(folder);
  for (const file of ['Caddyfile', 'web4.yaml'])
    await cp(join(examples, 'compose', file), join(folder, file));
  await cp(join(examples, 'site/server.mjs'), join(folder, 'server.mjs'));
  const container = await read('compose/Containerfile');
  await writeFile(
    join(folder, 'Containerfile'),
    adapt(container.replace(/^RUN apt-get .*$/m, ''), {
      'docker.io/library/node:22-bookworm-slim': 'localhost/base',
      'RUN npm install --omit=dev': 'COPY node_modules ./node_modules',
    }),
  );
  await writeFile(
    join(folder, 'compose.yaml'),
    adapt(await read('compose/compose.yaml'), {
      'docker.io/library/mongo:7': 'localhost/base',
      'docker.io/library/caddy:2': 'localhost/base',
    }),
  );
  await writeFile(join(folder, '.env'), `SYNCMEDIA_SECRET=${randomBytes(32).toString('hex')}\n`);
  const manifest = JSON.parse(await read('site/package.json')) as {
    dependencies: Record<string, string>;
  };
  manifest.dependencies.syncmedia = `file:${await pack()}`;
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  await installByNpm({ path: folder });
  await execute(folder, 'test', ['-x', 'node_modules/syncmedia/container/entrypoint.sh']);
}
