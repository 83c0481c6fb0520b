import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { findKeyPair } from '../../src/access/own-key.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

const run = promisify(execFile);
const makeKey = (file: string, type = 'ed25519', passphrase = ''): Promise<unknown> =>
  run('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-C', 'me', '-f', file]);

let dir: TestDir;
let home: string;
beforeAll(async () => {
  dir = await makeTestDir();
  await Promise.all([
    makeKey(join(dir.path, 'ed')),
    makeKey(join(dir.path, 'rsa'), 'rsa'),
    makeKey(join(dir.path, 'locked'), 'ed25519', 'secret'),
  ]);
});
afterAll(() => dir.remove());
beforeEach(async () => {
  home = join(dir.path, 'home');
  await rm(home, { recursive: true, force: true });
  await mkdir(join(home, '.ssh'), { recursive: true });
});

const install = async (from: string, to: string): Promise<void> => {
  await copyFile(join(dir.path, from), join(home, '.ssh', to));
  await copyFile(join(dir.path, `${from}.pub`), join(home, '.ssh', `${to}.pub`));
};
const refused = (what: string): unknown =>
  expect.objectContaining({ code: 'BAD_KEY', message: expect.stringContaining(what) as string });
const find = (key?: string, identityFile?: string) => findKeyPair({ key, identityFile, home });

describe('findKeyPair', () => {
  test('by default takes id_rsa, then id_ed25519', async () => {
    await install('ed', 'id_ed25519');
    expect(await find()).toMatchObject({
      publicKeyFile: join(home, '.ssh/id_ed25519.pub'),
      identityFile: join(home, '.ssh/id_ed25519'),
    });
    await install('rsa', 'id_rsa');
    expect((await find()).publicKey.type).toBe('ssh-rsa');
  });

  test('says how to make one where there is none', async () => {
    await expect(find()).rejects.toThrow(refused('ssh-keygen -t ed25519'));
    await expect(find(join(home, 'none.pub'))).rejects.toThrow(refused('none.pub'));
  });

  test('takes a file below ~', async () => {
    await install('ed', 'other');
    expect((await find('~/.ssh/other.pub')).identityFile).toBe(join(home, '.ssh/other'));
  });

  test('takes a literal key whose private half is a usual one, or is named', async () => {
    const line = await readFile(join(dir.path, 'ed.pub'), 'utf8');
    await expect(find(line)).rejects.toThrow(refused('SYNCMEDIA_IDENTITY'));
    expect(await find(line, join(dir.path, 'ed'))).toMatchObject({
      publicKeyFile: undefined,
      identityFile: join(dir.path, 'ed'),
    });
    await install('ed', 'id_ed25519');
    expect((await find(line)).identityFile).toBe(join(home, '.ssh/id_ed25519'));
  });

  test('refuses a private key in the place of a public one, from a file or literally', async () => {
    await expect(find(join(dir.path, 'ed'))).rejects.toThrow(refused('is a private key'));
    await expect(find(await readFile(join(dir.path, 'ed'), 'utf8'))).rejects.toThrow(
      refused('is a private key'),
    );
  });

  test('refuses a private half that ssh could not use', async () => {
    await expect(find(join(dir.path, 'locked.pub'))).rejects.toThrow(refused('needs a passphrase'));
    await expect(find(join(dir.path, 'ed.pub'), join(dir.path, 'rsa'))).rejects.toThrow(
      refused('not the half'),
    );
    await expect(find(join(dir.path, 'ed.pub'), join(dir.path, 'ed.pub'))).rejects.toThrow(
      refused('can be read by others'),
    );
    // The remedy names the variable for this half of the pair.
    await mkdir(join(home, '.ssh/unreadable'));
    await expect(find(join(home, '.ssh/unreadable'))).rejects.toThrow(
      refused('name another in SYNCMEDIA_KEY'),
    );
    await expect(find(join(dir.path, 'ed.pub'), join(home, '.ssh/none'))).rejects.toThrow(
      refused('does not exist: name it in SYNCMEDIA_IDENTITY'),
    );
    await install('ed', 'open');
    await chmod(join(home, '.ssh/open'), 0o640);
    await expect(find(join(home, '.ssh/open.pub'))).rejects.toThrow(refused('chmod 600'));
    await rm(join(home, '.ssh/open'));
    await expect(find(join(home, '.ssh/open.pub'))).rejects.toThrow(refused('does not exist'));
  });
});
