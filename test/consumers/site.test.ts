import { readFileSync } from 'node:fs';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { get, uploadPicture } from '../examples/load.js';
import { SiteApp } from '../examples/site-app.js';
import { openSite, untilNothingPending, type Machine, type Site } from '../flow/site.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';
import { installByNpm, pack } from './packed.js';

const example = fileURLToPath(new URL('../../examples/site', import.meta.url));
let site: Site, installed: TestDir;
beforeAll(async () => {
  const [tarball, dir] = await Promise.all([pack(), makeTestDir()]);
  installed = dir;
  await cp(example, dir.path, { recursive: true });
  const manifest = JSON.parse(readFileSync(join(example, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  manifest.dependencies.syncmedia = `file:${tarball}`;
  await writeFile(join(dir.path, 'package.json'), JSON.stringify(manifest));
  await installByNpm(dir);
  site = await openSite({ hosts: ['one', 'two'] });
  for (const { app } of site.machines) await app.close();
}, 400_000);
afterAll(async () => {
  await site.close();
  await installed.remove();
});

test('examples/site runs with the packed package, as ESM and as CommonJS, and ends in order', async () => {
  const [one, two] = site.machines as [Machine, Machine];
  const apps: SiteApp[] = [];
  const files: string[] = [];
  try {
    for (const [machine, file] of [
      [one, 'server.mjs'],
      [two, 'server.cjs'],
    ] as const)
      apps.push(
        await SiteApp.start(machine, site.database.uri, () => [
          process.execPath,
          [join(installed.path, file)],
        ]),
      );
    for (const app of apps) {
      const { status, body } = await uploadPicture(app.url, Buffer.from(app.url));
      expect(status).toBe(201);
      const { file } = JSON.parse(body.toString()) as { file: string };
      for (const { url } of apps)
        expect((await get(`${url}/${file}`)).body.toString()).toBe(app.url);
      files.push(file);
    }
  } finally {
    for (const app of apps) expect(await app.end('SIGTERM')).toBe(0);
  }
  for (const machine of site.machines) machine.app = await machine.startApp({ start: false });
  await untilNothingPending(site, 60_000);
  for (const { tree } of site.machines) {
    const held = Object.keys(await tree());
    expect(files.filter((file) => !held.includes(file))).toEqual([]);
  }
}, 120_000);
