import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../cli/run-cli.js';
import { confinement } from '../gate/confined.js';
import { testDatabase, type TestDatabase } from '../harness/database.js';
import { listInitArgs } from '../harness/init-args.js';
import { startHost, type TestHost } from '../harness/sshd.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';
import { copyApp, execute, installByNpm, pack } from './packed.js';

/**
 * Apps in the forms in which they are deployed: two hosts that deliver to each other and fetch from
 * each other, from a bundle or under Yarn Plug'n'Play.
 */
let tarball: string;
beforeAll(async () => {
  tarball = await pack();
}, 300_000);

/** Runs a program of the app. */
type Run = (args: string[], env: Record<string, string>) => Promise<string>;

class Pair {
  private constructor(
    readonly database: TestDatabase,
    readonly web1: TestHost,
    readonly web2: TestHost,
  ) {}

  static async open(): Promise<Pair> {
    const [database, ...hosts] = await Promise.all([
      testDatabase(),
      startHost({ name: 'web1' }),
      startHost({ name: 'web2' }),
    ]);
    for (const host of hosts) await mkdir(join(host.root, 'uploads'));
    return new Pair(database, ...hosts);
  }

  environmentOf(host: TestHost): Record<string, string> {
    return {
      CONSUMER_MONGODB_URI: this.database.uri,
      SYNCMEDIA_MONGODB_URI: this.database.uri,
      SYNCMEDIA_STATE_DIR: host.stateDir,
      SYNCMEDIA_AUTHORIZED_KEYS: host.authorizedKeysFile,
      HOME: host.dir,
      ...confinement,
      SYNCMEDIA_AUTO_APPROVE: 'true',
      SYNCMEDIA_SECRET: 'a secret of this site, 32 bytes long at least',
    };
  }

  async init(command: Run): Promise<void> {
    for (const host of [this.web1, this.web2]) {
      await command(listInitArgs(host), this.environmentOf(host));
    }
  }

  /**
   * A file goes from the first host to the second with a save; another one is fetched by the second
   * when a visitor asks for it.
   */
  async expectSync(command: Run, site: Run): Promise<void> {
    const { web1, web2 } = this;
    await writeFile(join(web1.root, 'uploads/sent.txt'), 'sent');
    const { files } = JSON.parse(
      await site(['save', 'uploads/sent.txt'], this.environmentOf(web1)),
    ) as { files: unknown[] };
    expect(files).toEqual([
      { path: 'uploads/sent.txt', needed: 2, heldBy: ['web1', 'web2'], lackedBy: [] },
    ]);
    expect(await readFile(join(web2.root, 'uploads/sent.txt'), 'utf8')).toBe('sent');

    await command(['hosts', 'edit', 'web2', '--status', 'paused'], this.environmentOf(web1));
    await writeFile(join(web1.root, 'uploads/fetched.txt'), 'fetched');
    await site(['save', 'uploads/fetched.txt'], this.environmentOf(web1));
    const fetched = JSON.parse(
      await site(['get', 'uploads/fetched.txt'], this.environmentOf(web2)),
    ) as { status: number; text: string };
    expect(fetched).toEqual({ status: 200, text: 'fetched' });
    expect(await readFile(join(web2.root, 'uploads/fetched.txt'), 'utf8')).toBe('fetched');
  }

  async close(): Promise<void> {
    await Promise.all([this.database.close(), this.web1.close(), this.web2.close()]);
  }
}

let pair: Pair;
beforeEach(async () => {
  pair = await Pair.open();
});
afterEach(() => pair.close());

describe('bundled', () => {
  let app: TestDir, target: TestDir;
  beforeAll(async () => {
    [app, target] = await Promise.all([copyApp('bundlers', tarball), makeTestDir()]);
    await installByNpm(app);
  }, 300_000);
  afterAll(() => Promise.all([app.remove(), target.remove()]));

  const cli: Run = async (args, env) => {
    const { code, stdout, stderr } = await runCli(args, { env });
    if (code !== 0)
      throw new Error(
        `syncmedia ${args.join(' ')} ended with ${String(code)}:\n${stdout}${stderr}`,
      );
    return stdout;
  };

  it.each([
    {
      by: 'esbuild',
      build: [
        'esbuild',
        'site.cjs',
        '--bundle',
        '--platform=node',
        '--minify',
        '--loader:.node=copy',
        '--outdir=esbuilt',
        '--out-extension:.js=.cjs',
      ],
      to: 'esbuilt',
    },
    { by: 'webpack', build: ['build-by-webpack.cjs'], to: 'webpacked' },
    { by: 'Rollup', build: ['rollup', '--config', 'rollup.config.mjs', '--silent'], to: 'rolled' },
  ])(
    'by $by',
    async ({ build: [program = '', ...args], to }) => {
      const isScript = program.endsWith('.cjs');
      await execute(
        app.path,
        isScript ? 'node' : join(app.path, 'node_modules/.bin', program),
        isScript ? [program] : args,
      );
      // A bundle is deployed without its sources.
      const deployed = join(target.path, to);
      await cp(join(app.path, to), deployed, { recursive: true });
      await pair.init(cli);
      await pair.expectSync(cli, (words, env) =>
        execute(deployed, 'node', ['site.cjs', ...words], env),
      );
    },
    240_000,
  );
});

describe("under Yarn Plug'n'Play", () => {
  let yarn: TestDir, app: TestDir;
  beforeAll(async () => {
    [yarn, app] = await Promise.all([makeTestDir(), copyApp('plug-n-play', tarball)]);
    await writeFile(
      join(yarn.path, 'package.json'),
      JSON.stringify({ private: true, dependencies: { '@yarnpkg/cli-dist': '^4.18.0' } }),
    );
    await installByNpm(yarn);
    // Without the optional native parts of ssh2, which would be compiled.
    await writeFile(
      join(app.path, '.yarnrc.yml'),
      'nodeLinker: pnp\nenableScripts: false\nenableGlobalCache: false\nenableTelemetry: false\n',
    );
    await writeFile(join(app.path, 'yarn.lock'), '');
    const registry = (await execute(app.path, 'npm', ['config', 'get', 'registry'])).trim();
    await runYarn(['install', '--no-immutable'], { YARN_NPM_REGISTRY_SERVER: registry });
  }, 300_000);
  afterAll(() => Promise.all([yarn.remove(), app.remove()]));

  const runYarn: Run = (args, env) =>
    execute(
      app.path,
      'node',
      [join(yarn.path, 'node_modules/@yarnpkg/cli-dist/bin/yarn.js'), ...args],
      env,
    );

  it('files are delivered and fetched', async () => {
    const command: Run = (args, env) => runYarn(['run', 'syncmedia', ...args], env);
    await pair.init(command);
    await pair.expectSync(command, (words, env) => runYarn(['node', 'site.cjs', ...words], env));
  }, 240_000);
});
