import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readOwnHostKeys, scanHostKeys } from '../../src/access/host-keys.js';
import { startHost, type TestHost } from '../harness/sshd.js';

let host: TestHost;
beforeAll(async () => {
  host = await startHost({ name: 'keys', rsa: true });
});
afterAll(() => host.close());

const shown = (): string[] =>
  host.hostPublicKeys.map((line) => line.split(' ').slice(0, 2).join(' ')).sort();

describe('scanHostKeys', () => {
  test('finds all keys that the sshd shows', async () => {
    expect(await scanHostKeys('127.0.0.1', host.port)).toEqual(shown());
  });

  test('does not accept an option in the place of a host', async () => {
    await expect(scanHostKeys('-T0', host.port)).rejects.toThrow(
      expect.objectContaining({ code: 'BAD_OPTION' }),
    );
  });
});

describe('readOwnHostKeys', () => {
  test('asks on loopback, and reads files only if no server answers', async () => {
    const folder = join(host.dir, 'etc-ssh');
    await mkdir(folder);
    const line = await readFile(host.publicKeyFile, 'utf8');
    await writeFile(join(folder, 'ssh_host_ed25519_key.pub'), line);
    await writeFile(join(folder, 'ssh_host_rsa_key.pub'), 'broken');
    await writeFile(join(folder, 'ssh_host_ed25519_key'), 'private');
    await writeFile(join(folder, 'id_rsa.pub'), host.hostPublicKeys[0] ?? '');
    expect(await readOwnHostKeys(host.port, folder)).toEqual({ keys: shown(), from: 'sshd' });
    await host.stop();
    expect(await readOwnHostKeys(host.port, folder)).toEqual({
      keys: [line.split(' ').slice(0, 2).join(' ')],
      from: 'files',
    });
    await rm(folder, { recursive: true });
    expect(await readOwnHostKeys(host.port, folder)).toEqual({ keys: [], from: 'nowhere' });
  });
});
