import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Schema } from 'mongoose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listProtectedDirs, refuseProtectedDirs } from '../../src/access/protected-dirs.js';
import type { Path } from '../../src/model/path.js';
import { dir, openSite, type Machine, type Site } from '../flow/site.js';
import { startWeb, type Web } from '../serving/web.js';

/**
 * A sync dir is written to by every other host, so it never holds what decides who gets in, or code
 * that runs here; by whatever name it goes.
 */
let site: Site, one: Machine, web: Web;
const targets: [string, () => string][] = [
  ['the directory of authorized_keys', () => dirname(one.ssh.authorizedKeysFile)],
  ['the directory of the private key', () => dirname(one.ssh.privateKeyFile)],
  ['the state folder', () => one.ssh.stateDir],
  ['the gate', () => join(one.ssh.stateDir, 'gate')],
  ['a directory above the state folder', () => one.ssh.dir],
  ['node_modules', () => join(process.cwd(), 'node_modules')],
  ['a package', () => join(process.cwd(), 'node_modules/vitest')],
  ['a directory that holds node_modules', () => process.cwd()],
  ['a directory above that', () => dirname(process.cwd())],
];
beforeAll(async () => {
  site = await openSite({ hosts: ['one'] });
  one = site.machines[0] as Machine;
  web = await startWeb((app) => {
    app.use('/uploads', one.app.sync.serve('uploads'));
  });
}, 60_000);
afterAll(async () => {
  await web.close();
  await site.close();
});

describe.each(targets)('%s', (what, target) => {
  const name = `uploads/${what.replaceAll(' ', '-')}`;
  beforeAll(() => symlink(target(), one.path(name)));

  test('is refused when a model that declares it is compiled, and nothing is opened', async () => {
    const schema = new Schema({ file: String });
    schema.plugin(one.app.sync.plugin as never, { syncDirs: name } as never);
    expect(() => one.app.connection.model(`Model of ${what}`, schema)).toThrow(
      expect.objectContaining({ code: 'BAD_SYNC_DIR' }),
    );
    expect((await one.app.sync.status()).syncDirs.map(({ path }) => path)).toEqual([dir]);
    expect(await readFile(join(one.ssh.stateDir, 'gate/rules.json'), 'utf8')).not.toContain(name);
    expect((await web.get(`/${name}/id`)).status).toBe(404);
  });

  test('is refused at init, also where it is named', async () => {
    await expect(one.app.sync.hosts.init({ syncDirs: [dir, name] })).rejects.toMatchObject({
      code: 'BAD_SYNC_DIR',
    });
    await expect(readFile(join(target(), '.syncmedia/id'))).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });
});

test('a sync dir that leads to a protected directory by now keeps the next process from starting', async () => {
  const place = one.path(dir);
  await one.app.close();
  await rename(place, `${place}.away`);
  await symlink(one.ssh.stateDir, place);
  try {
    await expect(one.startApp()).rejects.toMatchObject({ code: 'BAD_SYNC_DIR' });
  } finally {
    await rm(place);
    await rename(`${place}.away`, place);
  }
});

test('the directory of the main module may be a sync dir only where init lists it by name', async () => {
  const main = join(one.ssh.dir, 'app/server.js'),
    [, before] = process.argv;
  await mkdir(join(one.ssh.dir, 'app/uploads'), { recursive: true });
  process.argv[1] = main;
  try {
    const listed = () =>
      listProtectedDirs(
        { authorizedKeysFile: '/nowhere/authorized_keys' },
        { stateDir: '/nowhere/state' },
      );
    const check =
      (path: string, named: string[] = []) =>
      (): void => {
        refuseProtectedDirs(one.ssh.dir, [path as Path], named, listed());
      };
    expect(check('app')).toThrow(expect.objectContaining({ code: 'BAD_SYNC_DIR' }));
    expect(check('app', ['app'])).not.toThrow();
    expect(check('app/uploads')).not.toThrow();
    await mkdir(join(one.ssh.dir, 'app/node_modules'));
    expect(check('app', ['app'])).toThrow(expect.objectContaining({ code: 'BAD_SYNC_DIR' }));
  } finally {
    process.argv[1] = before as string;
  }
});

test('a directory of NODE_PATH may be a sync dir only where init lists it by name, and one below it may', async () => {
  await mkdir(join(one.ssh.dir, 'shared/lib/uploads'), { recursive: true });
  const before = process.env['NODE_PATH'];
  process.env['NODE_PATH'] = `:/nowhere:${join(one.ssh.dir, 'shared/lib')}`;
  try {
    const listed = listProtectedDirs(
      { authorizedKeysFile: '/nowhere/authorized_keys' },
      { stateDir: '/nowhere/state' },
    );
    const check =
      (path: string, named: string[] = []) =>
      (): void => {
        refuseProtectedDirs(one.ssh.dir, [path as Path], named, listed);
      };
    for (const path of ['shared', 'shared/lib']) {
      expect(check(path)).toThrow(
        expect.objectContaining({
          code: 'BAD_SYNC_DIR',
          message: expect.stringContaining('NODE_PATH') as string,
        }),
      );
      expect(check(path, [path])).not.toThrow();
    }
    expect(check('shared/lib/uploads')).not.toThrow();
  } finally {
    if (before === undefined) delete process.env['NODE_PATH'];
    else process.env['NODE_PATH'] = before;
  }
});

test.each<[string, (script: string) => string[]]>([
  ['the program', (script) => [script, '--now']],
  ['the script of an interpreter', (script) => ['/bin/sh', script]],
  ['a link to the program', (script) => [`${script}-link`]],
])('no sync dir holds %s that runs after files arrived, under any name', async (what, command) => {
  const script = join(one.ssh.dir, `jobs-${what.replaceAll(' ', '-')}/reload.sh`),
    folder = dirname(script).slice(one.ssh.dir.length + 1);
  await mkdir(dirname(script));
  const program = `${dirname(script)}-beside/reload.sh`;
  await mkdir(dirname(program));
  await writeFile(program, '');
  // A link leads to a program that lies elsewhere: another one could be put in its place.
  if (what.startsWith('a link')) await symlink(program, `${script}-link`);
  else await writeFile(script, '');
  await mkdir(join(one.ssh.dir, `${folder}-elsewhere`));
  const listed = listProtectedDirs(
    { authorizedKeysFile: '/nowhere/authorized_keys' },
    { stateDir: '/nowhere/state', reloadCommand: command(script) },
  );
  const check = (path: string) => (): void => {
    refuseProtectedDirs(one.ssh.dir, [path as Path], [path], listed);
  };
  expect(check(folder)).toThrow(
    expect.objectContaining({
      code: 'BAD_SYNC_DIR',
      message: expect.stringContaining('SYNCMEDIA_RELOAD_COMMAND') as string,
    }),
  );
  expect(check(`${folder}-elsewhere`)).not.toThrow();
});

test.each<[string, readonly (readonly [link: string, target: string])[]]>([
  ['the folder of keys', [['held/keys', 'elsewhere/keys']]],
  [
    'what leads to it',
    [
      ['linked', 'held/keys'],
      ['held/keys', 'elsewhere/keys'],
    ],
  ],
  ['a directory on the way to it', [['held/home', 'elsewhere']]],
])('no sync dir holds a symlink that stands for %s', async (what, links) => {
  const base = join(one.ssh.dir, `links-${what.replaceAll(' ', '-')}`),
    first = links[0]?.[0] ?? '';
  await mkdir(join(base, 'elsewhere/keys'), { recursive: true });
  for (const folder of ['held', 'beside']) await mkdir(join(base, folder));
  for (const [link, target] of links) await symlink(join(base, target), join(base, link));
  const folder = first === 'held/home' ? join(base, first, 'keys') : join(base, first);
  const listed = listProtectedDirs(
    { authorizedKeysFile: join(folder, 'authorized_keys') },
    { stateDir: '/nowhere/state' },
  );
  const check = (path: string) => (): void => {
    refuseProtectedDirs(base, [path as Path], [path], listed);
  };
  for (const path of ['held', 'elsewhere', 'elsewhere/keys'])
    expect(check(path)).toThrow(expect.objectContaining({ code: 'BAD_SYNC_DIR' }));
  expect(check('beside')).not.toThrow();
});
