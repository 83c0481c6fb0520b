import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestDir } from '../harness/tmp.js';
import { execute, installByNpm } from './packed.js';

/** A package manager, as a consumer uses it. */
export interface Manager {
  readonly name: string;
  readonly lockfile: string;
  install(app: TestDir): Promise<void>;
  /** Runs node, or a command of a dependency, in a folder of the app. */
  run(app: TestDir, command: readonly string[], options: RunOptions): Promise<string>;
}

interface RunOptions {
  readonly folder: string;
  readonly env: Record<string, string>;
}

async function runInstalled(
  app: TestDir,
  [program = '', ...args]: readonly string[],
  { folder, env }: RunOptions,
): Promise<string> {
  const file = program === 'node' ? program : join(app.path, 'node_modules/.bin', program);
  return execute(join(app.path, folder), file, args, env);
}

export const npm: Manager = {
  name: 'npm',
  lockfile: 'package-lock.json',
  install: installByNpm,
  run: runInstalled,
};

/** npm, with the models and the site in packages of their own. */
export const npmWorkspaces: Manager = {
  ...npm,
  name: 'npm workspaces',
  async install(app) {
    const { dependencies = {} } = JSON.parse(
      await readFile(join(app.path, 'package.json'), 'utf8'),
    ) as { dependencies?: Record<string, string> };
    const { express = '', ...ofModels } = dependencies;
    const addPackage = async (name: string, files: string[], needs: object): Promise<void> => {
      const folder = join(app.path, 'packages', name);
      await mkdir(folder, { recursive: true });
      for (const file of files) await cp(join(app.path, file), join(folder, file));
      const manifest = { name: `@site/${name}`, version: '1.0.0', dependencies: needs };
      await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
    };
    await addPackage('models', ['photo.cjs'], ofModels);
    await addPackage('web', ['site.cjs', 'visit.cjs'], {
      '@site/models': '1.0.0',
      express,
      ...ofModels,
    });
    await writeFile(
      join(app.path, 'packages/web/photo.cjs'),
      "module.exports = require('@site/models/photo.cjs');\n",
    );
    await writeFile(
      join(app.path, 'package.json'),
      JSON.stringify({ private: true, workspaces: ['packages/*'] }),
    );
    await installByNpm(app);
  },
};

/** A manager that npm installs in a folder of its own, beside the sources of the app. */
async function installTool(app: TestDir, name: string, version: string): Promise<string> {
  const path = join(app.path, '.tool');
  await mkdir(path);
  await writeFile(
    join(path, 'package.json'),
    JSON.stringify({ private: true, dependencies: { [name]: version } }),
  );
  await installByNpm({ path });
  return join(path, 'node_modules', name);
}

const findRegistry = async ({ path }: TestDir): Promise<string> =>
  (await execute(path, 'npm', ['config', 'get', 'registry'])).trim();

export const pnpm: Manager = {
  name: 'pnpm',
  lockfile: 'pnpm-lock.yaml',
  async install(app) {
    const tool = await installTool(app, 'pnpm', '10.34.9');
    await execute(app.path, 'node', [
      join(tool, 'bin/pnpm.cjs'),
      'install',
      '--no-frozen-lockfile',
      '--prefer-offline',
      // The native parts of ssh2 are optional, and would be compiled.
      '--ignore-scripts',
      `--registry=${await findRegistry(app)}`,
      `--store-dir=${join(app.path, '.store')}`,
    ]);
  },
  run: runInstalled,
};

const yarnFile = '.tool/node_modules/@yarnpkg/cli-dist/bin/yarn.js';

/** Plug'n'Play is the default of Yarn. */
export const yarn: Manager = {
  name: 'yarn',
  lockfile: 'yarn.lock',
  async install(app) {
    await installTool(app, '@yarnpkg/cli-dist', '4.18.0');
    // The native parts of ssh2 are optional, and would be compiled.
    await writeFile(
      join(app.path, '.yarnrc.yml'),
      'nodeLinker: pnp\nenableScripts: false\nenableGlobalCache: false\nenableTelemetry: false\n',
    );
    await execute(app.path, 'node', [join(app.path, yarnFile), 'install', '--no-immutable'], {
      YARN_NPM_REGISTRY_SERVER: await findRegistry(app),
    });
  },
  async run(app, [program = '', ...args], { folder, env }) {
    const words = program === 'node' ? ['node'] : ['run', program];
    return execute(
      join(app.path, folder),
      'node',
      [join(app.path, yarnFile), ...words, ...args],
      env,
    );
  },
};
