import { execFile } from 'node:child_process';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { drawKeyPair, generateKeyPair } from '../../src/access/generate-key.js';
import { findKeyPair } from '../../src/access/own-key.js';
import { parsePublicKey } from '../../src/util/public-key.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

const run = promisify(execFile);
let dir: TestDir;
beforeAll(async () => {
  dir = await makeTestDir();
});
afterEach(async () => {
  for (const name of ['id_ed25519', 'id_ed25519.pub'])
    await rm(join(dir.path, name), { force: true });
});
afterAll(() => dir.remove());

test('makes a pair that OpenSSH and ssh2 can use, for this user alone', async () => {
  const file = await generateKeyPair(dir.path, 'web1');
  const pair = await findKeyPair({ key: file, identityFile: undefined });
  expect([file, pair.identityFile, pair.publicKey.type]).toEqual([
    join(dir.path, 'id_ed25519.pub'),
    join(dir.path, 'id_ed25519'),
    'ssh-ed25519',
  ]);
  for (const name of [file, pair.identityFile])
    expect(((await stat(name)).mode & 0o777).toString(8)).toBe('600');
  const { stdout } = await run('ssh-keygen', ['-y', '-f', pair.identityFile]);
  expect(stdout.split(' ').slice(0, 2).join(' ').trim()).toBe(pair.publicKey.line);
});

test('uses an existing pair again and never overwrites it', async () => {
  const file = await generateKeyPair(dir.path, 'web1');
  const before = await Promise.all([readFile(file), readFile(join(dir.path, 'id_ed25519'))]);
  expect(await generateKeyPair(dir.path, 'other')).toBe(file);
  expect(await Promise.all([readFile(file), readFile(join(dir.path, 'id_ed25519'))])).toEqual(
    before,
  );
});

test('completes a pair whose second half a killed process did not write', async () => {
  const file = await generateKeyPair(dir.path, 'web1');
  const before = await Promise.all([readFile(file), readFile(join(dir.path, 'id_ed25519'))]);
  await rm(file);
  expect(await generateKeyPair(dir.path, 'web1')).toBe(file);
  expect(await Promise.all([readFile(file), readFile(join(dir.path, 'id_ed25519'))])).toEqual(
    before,
  );
});

test('twenty at once make one pair', async () => {
  await Promise.all(Array.from({ length: 20 }, () => generateKeyPair(dir.path, 'web1')));
  expect(
    (await findKeyPair({ key: join(dir.path, 'id_ed25519.pub'), identityFile: undefined }))
      .publicKey.type,
  ).toBe('ssh-ed25519');
  expect(await readdir(dir.path)).toEqual(['id_ed25519', 'id_ed25519.pub']);
});

test('where another public key lies there, nothing is left behind', async () => {
  await writeFile(join(dir.path, 'id_ed25519.pub'), 'mine');
  await expect(generateKeyPair(dir.path, 'web1')).rejects.toThrow(
    expect.objectContaining({ code: 'BAD_KEY' }),
  );
  expect(await readFile(join(dir.path, 'id_ed25519.pub'), 'utf8')).toBe('mine');
  await expect(stat(join(dir.path, 'id_ed25519'))).rejects.toThrow();
});

test('every drawn pair is complete, also where the public key begins with a zero byte', () => {
  for (let drawn = 0; drawn < 2_500; drawn++)
    expect(parsePublicKey(drawKeyPair('web1').public).blob).toHaveLength(51);
});
