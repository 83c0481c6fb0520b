import { randomBytes } from 'node:crypto';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseRecoverableName } from '../../src/replica/recoverable-name.js';
import { dir, openSite, type Machine, type Site } from '../flow/site.js';
import { countHostileInputs } from '../harness/hostile-inputs.js';
import { unsafePaths } from '../hostile/corpus.js';
import { startWeb, type Web } from '../serving/web.js';

const inputs = countHostileInputs();

const token = randomBytes(24).toString('hex');
let site: Site, one: Machine, web: Web;
beforeAll(async () => {
  site = await openSite({ hosts: ['one'] });
  one = site.machines[0] as Machine;
  web = await startWeb((app) => {
    app.use(one.app.sync.admin({ token }));
  });
  await one.write(`${dir}/.syncmedia/conflicts/x/kept.jpg`, 'kept');
  await one.write(`${dir}/.syncmedia/trash/x/kept.jpg`, 'kept');
  await mkdir(join(one.ssh.dir, 'elsewhere'));
  await symlink(join(one.ssh.dir, 'elsewhere'), one.path(`${dir}/.syncmedia/conflicts/link`));
  await one.write(`../elsewhere/secret.jpg`, 'secret');
});
afterAll(async () => {
  await web.close();
  await site.close();
});

const long = 'a'.repeat(256);
/**
 * Names that lead out of the folder of a recoverable file, to files that are not recoverable, or
 * nowhere.
 */
const hostile = ['trash', 'conflicts']
  .flatMap((area) => [
    ...[
      '',
      '/',
      '..',
      '../id',
      '../../kept.jpg',
      'x',
      'x/',
      'x//kept.jpg',
      '/x/kept.jpg',
      '//kept.jpg',
      './kept.jpg',
      './x/kept.jpg',
      'x/./kept.jpg',
      'x/../x/kept.jpg',
      'x/../../id',
      'x/../../../kept.jpg',
      '../trash/x/kept.jpg',
      '../conflicts/x/kept.jpg',
      '../tmp/kept.jpg',
      'x/.syncmedia/id',
      '.syncmedia/id',
      `${long}/kept.jpg`,
      `x/${long}`,
      `x/${'b/'.repeat(2_500)}c`,
      'x/kept.jpg\0',
      'x\0/kept.jpg',
      'x/kept.jpg/..',
      'x/kept.jpg/.',
      'x/\ud800',
    ].map((rest) => `.syncmedia/${area}/${rest}`),
    ...unsafePaths
      .map((path) => `.syncmedia/${area}/${path.replaceAll('DIR', 'x')}`)
      .filter((name) => parseRecoverableName(name) === undefined),
  ])
  .concat([
    '',
    '.',
    '..',
    '/',
    '.syncmedia',
    '.syncmedia/id',
    '.syncmedia/replaced/x/kept.jpg',
    '.syncmedia/tmp/x/kept.jpg',
    'kept.jpg',
    '../conflicts/x/kept.jpg',
    '/.syncmedia/conflicts/x/kept.jpg',
    './.syncmedia/conflicts/x/kept.jpg',
    '.syncmedia//conflicts/x/kept.jpg',
    '.syncmedia/../.syncmedia/conflicts/x/kept.jpg',
    '.SYNCMEDIA/conflicts/x/kept.jpg',
    '.syncmedia/conflictsx/x/kept.jpg',
    '__proto__',
    'constructor/x/y',
  ]);

describe('the name of a recoverable file', () => {
  test('has its parts', () => {
    expect(parseRecoverableName('.syncmedia/trash/0m2abc-1/a/b.jpg')).toEqual({
      area: 'trash',
      folder: '0m2abc-1',
      rest: 'a/b.jpg',
    });
    expect(parseRecoverableName('.syncmedia/conflicts/..x/..b')).toEqual({
      area: 'conflicts',
      folder: '..x',
      rest: '..b',
    });
  });

  test.each(hostile)('is not %j', (name) => {
    inputs.tried(name, parseRecoverableName(name));
    expect(parseRecoverableName(name)).toBeUndefined();
  });
});

test('no hostile name reaches a file through the instance', async () => {
  const { recoverable: kept, conflicts } = one.app.sync;
  for (const name of [...hostile, '.syncmedia/conflicts/link/secret.jpg']) {
    for (const ask of [kept.restore, conflicts.restore, conflicts.compare, conflicts.discard] as ((
      dir: string,
      keptAs: string,
    ) => Promise<unknown>)[]) {
      const answer = await ask(dir, name).then(
        () => 'taken',
        (error: unknown) => (error as { code?: string }).code,
      );
      inputs.tried(name, answer === 'taken');
      expect(['BAD_PATH', 'SYMLINK_IN_PATH'], JSON.stringify(name)).toContain(answer);
    }
  }
  await expect(conflicts.discard(dir, '.syncmedia/trash/x/kept.jpg')).rejects.toMatchObject({
    code: 'BAD_PATH',
  });
  await untouched();
});

test('no hostile name reaches a file through the router', async () => {
  const routes = [
    '/trash/restore',
    '/conflicts/restore',
    '/conflicts/discard',
    '/conflicts/compare',
  ];
  // Every route calls the instance, which is tried above with every name. Here each name goes to
  // one route, and each route gets every fourth name.
  for (const [index, name] of hostile.entries()) {
    const path = routes[index % routes.length] as string,
      fields = { dir, keptAs: name };
    const asked =
      path === '/conflicts/compare'
        ? request(web.url).get(path).query(fields)
        : request(web.url).post(path).send(fields);
    const { status } = await asked.set('Authorization', `Bearer ${token}`);
    inputs.tried([path, name], status === 200);
    expect([path, name, status]).toEqual([path, name, 400]);
  }
  await untouched();
});

async function untouched(): Promise<void> {
  expect(await readFile(one.path(`${dir}/.syncmedia/id`), 'utf8')).not.toBe('');
  expect(await one.read(`${dir}/.syncmedia/conflicts/x/kept.jpg`)).toBe('kept');
  expect(await one.read(`${dir}/.syncmedia/trash/x/kept.jpg`)).toBe('kept');
  expect(await one.read('../elsewhere/secret.jpg')).toBe('secret');
  expect(await one.read(`${dir}/kept.jpg`)).toBeUndefined();
}
