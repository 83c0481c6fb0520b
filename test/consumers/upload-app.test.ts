import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { get } from '../examples/load.js';
import { SiteApp } from '../examples/site-app.js';
import { openSite, untilNothingPending, type Machine, type Site } from '../flow/site.js';
import type { TestDir } from '../harness/tmp.js';
import { until } from '../harness/wait.js';
import { npm } from './managers.js';
import { copyApp, execute, explainUnreachableRegistry, pack } from './packed.js';

const example = fileURLToPath(new URL('../../examples/upload-app/', import.meta.url));
const picture = join(example, 'pictures/coffee.jpg');
const sources = ['app.ts', 'page.ts', 'photo.ts', 'picture.ts'];
const compilerOptions = {
  target: 'es2022',
  types: ['node'],
  module: 'nodenext',
  strict: true,
  skipLibCheck: true,
};

let app: TestDir, site: Site;
let failure: string | undefined;
beforeAll(async () => {
  app = await copyApp('upload-app', await pack());
  failure = await npm.install(app).then(() => undefined, String);
  site = await openSite({ hosts: ['one', 'two'] });
  for (const machine of site.machines) await machine.app.close();
}, 300_000);
afterAll(async () => {
  await site.close();
  await app.remove();
}, 60_000);

/** Compiles the example with the packed package. @param type the `type` of its package.json */
async function compile(type: 'commonjs' | 'module'): Promise<string> {
  const folder = join(app.path, type);
  await mkdir(folder);
  for (const file of sources) await cp(join(example, file), join(folder, file));
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type }));
  await writeFile(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, files: sources }),
  );
  await execute(folder, join(app.path, 'node_modules/.bin/tsc'), ['--project', '.']);
  return join(folder, 'app.js');
}

async function upload(url: string): Promise<{ picture: string; thumbnail: string }> {
  const form = new FormData();
  form.append('title', 'a cup of coffee');
  form.append('picture', new Blob([await readFile(picture)]), 'coffee.jpg');
  const answer = await fetch(`${url}/photos`, {
    method: 'POST',
    headers: { accept: 'application/json' },
    body: form,
  });
  expect(answer.status).toBe(201);
  return (await answer.json()) as { picture: string; thumbnail: string };
}

test('examples/upload-app runs in CommonJS and as ES modules, and each host shows all pictures', async ({
  skip,
}) => {
  const reason = explainUnreachableRegistry(failure);
  skip(reason !== undefined, reason);
  expect(failure).toBeUndefined();
  const commonJs = await compile('commonjs');
  expect(await readFile(commonJs, 'utf8')).toContain('require("syncmedia")');
  const programs = [commonJs, await compile('module')];
  const apps: SiteApp[] = [];
  const content = await readFile(picture);
  try {
    for (const [index, machine] of site.machines.entries())
      apps.push(
        await SiteApp.start(machine, site.database.uri, () => [
          process.execPath,
          [programs[index] ?? ''],
        ]),
      );
    for (const { url } of apps) {
      const paths = await upload(url);
      for (const other of apps) {
        const shown = await get(`${other.url}${paths.picture}`);
        expect([shown.status, shown.body.equals(content)]).toEqual([200, true]);
        // No document names it: a rescan of its host finds it.
        await until(async () => (await get(`${other.url}${paths.thumbnail}`)).status === 200, {
          timeout: 30_000,
          what: `the thumbnail at ${other.url}`,
        });
        // A file that is not in the ledger yet is only passed on; its delivery follows.
        await until(
          async () => (await get(`${other.url}/`)).body.toString().includes(paths.picture),
          { timeout: 30_000, what: `the picture on the page of ${other.url}` },
        );
      }
    }
  } finally {
    for (const one of apps) expect(await one.end('SIGTERM')).toBe(0);
  }
  const [one, two] = site.machines as [Machine, Machine];
  for (const machine of [one, two]) machine.app = await machine.startApp({ start: false });
  await untilNothingPending(site, 60_000);
  expect(Object.keys(await one.tree())).toHaveLength(4);
  expect(await two.tree()).toEqual(await one.tree());
}, 120_000);
