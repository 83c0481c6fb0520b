import { execFile } from 'node:child_process';
import { chmod, link, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { removeManagedBlock, writeManagedBlock } from '../../src/access/authorized-keys.js';
import { formatKeyLine } from '../../src/access/format-key-line.js';
import { compileProgram } from '../harness/compile.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

const run = promisify(execFile);
const refused = (what: string): unknown =>
  expect.objectContaining({
    code: 'BAD_AUTHORIZED_KEYS',
    message: expect.stringContaining(what) as string,
  });

let dir: TestDir;
let file: string;
beforeEach(async () => {
  dir = await makeTestDir();
  file = join(dir.path, 'ssh/authorized_keys');
});
afterEach(() => dir.remove());

const put = async (content: string | Buffer): Promise<void> => {
  await mkdir(join(dir.path, 'ssh'), { recursive: true, mode: 0o700 });
  await writeFile(file, content, { mode: 0o600 });
};

describe('writeManagedBlock', () => {
  test('makes the file and its folder for this user alone', async () => {
    expect(await writeManagedBlock(file, 'db/a', () => ['restrict ssh-x AAAA a'])).toBe(true);
    expect(await readFile(file, 'utf8')).toMatch(
      /^# syncmedia begin db\/a .*\nrestrict ssh-x AAAA a\n# syncmedia end db\/a\n$/,
    );
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(join(dir.path, 'ssh'))).mode & 0o777).toBe(0o700);
    expect(await readdir(join(dir.path, 'ssh'))).toEqual(['authorized_keys']);
  });

  test('leaves every other byte as it is', async () => {
    const before = Buffer.from([
      ...Buffer.from('# mine\r\n\n  ssh-rsa AAAA x\xff'),
      0xff,
      0xfe,
      0x0a,
    ]);
    const after = Buffer.from('ssh-rsa BBBB without a line break at its end');
    await put(before);
    await writeManagedBlock(file, 'db/a', () => ['one']);
    await put(Buffer.concat([await readFile(file), after]));
    await writeManagedBlock(file, 'db/a', () => ['two', 'three']);
    const now = await readFile(file);
    expect(now.subarray(0, before.length)).toEqual(before);
    expect(now.subarray(-after.length)).toEqual(after);
    expect(now.toString('latin1')).toContain('two\nthree\n');
    expect(now.toString('latin1')).not.toContain('one');
    await removeManagedBlock(file, 'db/a');
    expect(await readFile(file)).toEqual(Buffer.concat([before, after]));
  });

  test('begins its own line where the last line has no end', async () => {
    await put('ssh-rsa AAAA x');
    await writeManagedBlock(file, 'db/a', () => ['one']);
    expect(await readFile(file, 'utf8')).toMatch(/^ssh-rsa AAAA x\n# syncmedia begin/);
  });

  test('writes nothing where nothing changed', async () => {
    await writeManagedBlock(file, 'db/a', () => ['one']);
    const { ino } = await stat(file);
    expect(await writeManagedBlock(file, 'db/a', () => ['one'])).toBe(false);
    expect((await stat(file)).ino).toBe(ino);
  });

  test('keeps the blocks of several installations apart', async () => {
    await writeManagedBlock(file, 'db/a', () => ['one']);
    await writeManagedBlock(file, 'db/ab', () => ['two']);
    await writeManagedBlock(file, 'db/a', () => []);
    await writeManagedBlock(file, 'db/a', () => ['three']);
    expect(await readFile(file, 'utf8')).toMatch(
      /begin db\/a .*\nthree\n.*end db\/a\n.*begin db\/ab .*\ntwo\n.*end db\/ab\n$/,
    );
    await removeManagedBlock(file, 'db/a');
    expect(await readFile(file, 'utf8')).toMatch(
      /^# syncmedia begin db\/ab .*\ntwo\n# syncmedia end db\/ab\n$/,
    );
  });

  test('does not guess where a marker line is gone', async () => {
    await writeManagedBlock(file, 'db/a', () => ['one']);
    const text = await readFile(file, 'utf8');
    for (const broken of [
      text.replace(/# syncmedia end.*\n/, ''),
      text.replace(/# syncmedia begin.*\n/, ''),
    ]) {
      await put(broken);
      await expect(writeManagedBlock(file, 'db/a', () => ['two'])).rejects.toThrow(
        refused('only one of the two marker lines'),
      );
      expect(await readFile(file, 'utf8')).toBe(broken);
    }
  });

  test('refuses files that others could write, and symlinks', async () => {
    await put('');
    await chmod(file, 0o620);
    await expect(writeManagedBlock(file, 'db/a', () => [])).rejects.toThrow(
      refused(`chmod go-w ${file}`),
    );
    await chmod(file, 0o600);
    await chmod(join(dir.path, 'ssh'), 0o770);
    await expect(writeManagedBlock(file, 'db/a', () => [])).rejects.toThrow(
      refused('can be written by others'),
    );
    await chmod(join(dir.path, 'ssh'), 0o700);
    await symlink('authorized_keys', join(dir.path, 'ssh/link'));
    await expect(writeManagedBlock(join(dir.path, 'ssh/link'), 'db/a', () => [])).rejects.toThrow(
      refused('is a symlink'),
    );
    await symlink('ssh', join(dir.path, 'linked'));
    await expect(
      writeManagedBlock(join(dir.path, 'linked/authorized_keys'), 'db/a', () => []),
    ).rejects.toThrow(refused('is a symlink'));
    await expect(writeManagedBlock(join(dir.path, 'ssh'), 'db/a', () => [])).rejects.toThrow(
      refused('is no file'),
    );
    expect(await readFile(file, 'utf8')).toBe('');
  });

  test('does not follow a hard link: the other name keeps its bytes', async () => {
    await put('mine\n');
    await link(file, join(dir.path, 'other'));
    await writeManagedBlock(file, 'db/a', () => ['one']);
    expect(await readFile(join(dir.path, 'other'), 'utf8')).toBe('mine\n');
  });

  test('loses nothing to 100 processes that write, 20 at once', { timeout: 300_000 }, async () => {
    await put('mine\n');
    const owners = Array.from({ length: 100 }, (_, index) => `db/${String(index)}-x`);
    const program = compileProgram(new URL('../hosts/write-block.ts', import.meta.url));
    const left = [...owners];
    // 20 at a time: a hundred need more memory than small machines have.
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        for (let owner = left.pop(); owner !== undefined; owner = left.pop()) {
          await run(process.execPath, [program, file, owner, `line of ${owner}`], {
            timeout: 120_000,
          });
        }
      }),
    );
    const lines = (await readFile(file, 'utf8')).trim().split('\n');
    expect(lines.length).toBe(1 + 3 * owners.length);
    expect(lines[0]).toBe('mine');
    expect(lines.filter((line) => line.startsWith('line of ')).sort()).toEqual(
      owners.map((owner) => `line of ${owner}`).sort(),
    );
    expect(await readdir(join(dir.path, 'ssh'))).toEqual(['authorized_keys']);
  });
});

describe('formatKeyLine', () => {
  test('restricts, re-encodes and names the host', async () => {
    await run('ssh-keygen', [
      '-q',
      '-t',
      'ed25519',
      '-N',
      '',
      '-C',
      'a " comment',
      '-f',
      join(dir.path, 'key'),
    ]);
    const publicKey = await readFile(join(dir.path, 'key.pub'), 'utf8');
    expect(formatKeyLine({ id: 'a-1', publicKey })).toBe(
      `restrict ${publicKey.split(' ').slice(0, 2).join(' ')} a-1`,
    );
    expect(formatKeyLine({ id: 'a\nb', publicKey })).not.toContain('\n');
    expect(() =>
      formatKeyLine({ id: 'a-1', publicKey: `${publicKey.trim()}\nssh-rsa AAAA` }),
    ).toThrow('host a-1');
  });
});
