import { execFile } from 'node:child_process';
import { createECDH } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatFingerprint, parsePublicKey } from '../../src/util/public-key.js';
import { makeTestDir, type TestDir } from '../harness/tmp.js';

const run = promisify(execFile);
const kinds = [
  ['ed25519'],
  ['rsa', '2048'],
  ['ecdsa', '256'],
  ['ecdsa', '384'],
  ['ecdsa', '521'],
] as const;

let dir: TestDir;
let lines: string[];
let good = '';
beforeAll(async () => {
  dir = await makeTestDir();
  lines = await Promise.all(
    kinds.map(async ([type, bits], index) => {
      const file = join(dir.path, `key${String(index)}`);
      await run('ssh-keygen', [
        '-q',
        '-t',
        type,
        ...(bits === undefined ? [] : ['-b', bits]),
        '-N',
        '',
        '-C',
        'a comment',
        '-f',
        file,
      ]);
      return readFile(`${file}.pub`, 'utf8');
    }),
  );
  good = lines[0]?.trim() ?? '';
});
afterAll(() => dir.remove());

const refused = (what: string): unknown =>
  expect.objectContaining({ code: 'BAD_KEY', message: expect.stringContaining(what) as string });
const blobOf = (...fields: (string | Buffer)[]): string =>
  Buffer.concat(
    fields.flatMap((field) => {
      const bytes = Buffer.from(field as string);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    }),
  ).toString('base64');

describe('parsePublicKey', () => {
  test.each(kinds.map((kind, index) => [kind.join(' '), index] as const))(
    'accepts %s without its comment',
    (_, index) => {
      const line = lines[index] ?? '';
      expect(parsePublicKey(line).line).toBe(line.trim().split(' ').slice(0, 2).join(' '));
    },
  );

  test('has the fingerprint that ssh-keygen shows', async () => {
    for (const [index, line] of lines.entries()) {
      const { stdout } = await run('ssh-keygen', [
        '-l',
        '-f',
        join(dir.path, `key${String(index)}.pub`),
      ]);
      expect(stdout).toContain(` ${formatFingerprint(line)} `);
    }
  });

  test('refuses two keys, and a line break that would add one', () => {
    expect(() => parsePublicKey(`${good}\n${good}`)).toThrow(refused('more than one line'));
    expect(() => parsePublicKey(`${good}\rssh-rsa AAAA`)).toThrow(refused('more than one line'));
    // The second is a comment.
    expect(parsePublicKey(`${good} ${good}`).line).toBe(good.split(' ').slice(0, 2).join(' '));
  });

  test('refuses options before the key', () => {
    expect(() => parsePublicKey(`command="id" ${good}`)).toThrow(refused('begins with "command='));
  });

  test('refuses a private key without repeating it', async () => {
    const text = await readFile(join(dir.path, 'key0'), 'utf8');
    expect(() => parsePublicKey(text)).toThrow(refused('is a private key'));
    expect(() => parsePublicKey(text)).not.toThrow(text.split('\n')[1]);
  });

  test.each<[string, () => string, string]>([
    ['nothing', () => ' ', 'is empty'],
    ['a word', () => 'hello', 'begins with "hello"'],
    ['dsa', () => `ssh-dss ${blobOf('ssh-dss', 'x')}`, 'begins with "ssh-dss"'],
    ['no base64', () => 'ssh-ed25519', 'base64'],
    ['broken base64', () => 'ssh-ed25519 AAAA*', 'base64'],
    [
      'base64 without its padding',
      () => `ssh-ed25519 ${Buffer.from('ab').toString('base64').replace('=', '')}`,
      'base64',
    ],
    [
      'another type inside',
      () => `ssh-ed25519 ${blobOf('ssh-rsa', Buffer.alloc(32))}`,
      'no complete ssh-ed25519 key',
    ],
    [
      'a short ed25519 key',
      () => `ssh-ed25519 ${blobOf('ssh-ed25519', Buffer.alloc(31))}`,
      'no complete ssh-ed25519 key',
    ],
    [
      'bytes after the end',
      () =>
        `ssh-ed25519 ${blobOf('ssh-ed25519', Buffer.alloc(32), Buffer.alloc(8), Buffer.alloc(1))}`,
      'something after it',
    ],
    [
      'a cut one',
      () =>
        `ssh-ed25519 ${Buffer.from(blobOf('ssh-ed25519', Buffer.alloc(32)), 'base64')
          .subarray(0, 40)
          .toString('base64')}`,
      'no complete ssh-ed25519 key',
    ],
    [
      'a short rsa key',
      () => `ssh-rsa ${blobOf('ssh-rsa', Buffer.from([1, 0, 1]), Buffer.alloc(64, 255))}`,
      '512 bits',
    ],
    [
      'an rsa key without numbers',
      () => `ssh-rsa ${blobOf('ssh-rsa', '', '')}`,
      'no valid ssh-rsa key',
    ],
    [
      'an rsa key with an exponent of 40 bytes',
      () => `ssh-rsa ${blobOf('ssh-rsa', Buffer.alloc(40, 1), Buffer.alloc(129, 3))}`,
      'exponent that nobody uses',
    ],
    [
      'an rsa key with an even exponent',
      () => `ssh-rsa ${blobOf('ssh-rsa', Buffer.from([4]), Buffer.alloc(129, 3))}`,
      'exponent that no key can have',
    ],
    [
      'an rsa key with the exponent 1',
      () => `ssh-rsa ${blobOf('ssh-rsa', Buffer.from([1]), Buffer.alloc(129, 3))}`,
      'exponent that no key can have',
    ],
    [
      'a point of which only one coordinate is written',
      () => {
        const ecdh = createECDH('prime256v1');
        const point = Buffer.from(ecdh.generateKeys('hex', 'compressed'), 'hex');
        return `ecdsa-sha2-nistp256 ${blobOf('ecdsa-sha2-nistp256', 'nistp256', point)}`;
      },
      'form that OpenSSH does not read',
    ],
    [
      'a point that is on no curve',
      () => `ecdsa-sha2-nistp256 ${blobOf('ecdsa-sha2-nistp256', 'nistp256', Buffer.alloc(65, 4))}`,
      'no valid ecdsa-sha2-nistp256 key',
    ],
    [
      'a point of another curve',
      () => `ecdsa-sha2-nistp256 ${blobOf('ecdsa-sha2-nistp256', 'nistp384', Buffer.alloc(65, 4))}`,
      'no complete ecdsa-sha2-nistp256 key',
    ],
  ])('refuses %s', (_, text, what) => {
    expect(() => parsePublicKey(text())).toThrow(refused(what));
  });
});
