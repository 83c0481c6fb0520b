import { describe, expect, test } from 'vitest';
import type { HostRow } from '../../src/hosts/host-model.js';
import { explainMissingSecret, explainUnsealed, Seals } from '../../src/hosts/seal.js';
import type { Host } from '../../src/model/host.js';
import type { Path } from '../../src/model/path.js';
import { makeRow } from './rows.js';

const secret = 's'.repeat(32);
const seals = new Seals(secret);

function sealed(by: Seals, given: Partial<HostRow> = {}): HostRow {
  const row = makeRow('web1', {
    publicKey: 'ssh-ed25519 AAAA',
    hostKeys: ['ssh-ed25519 BBBB', 'ssh-rsa CCCC'],
    syncDirs: ['uploads'] as Path[],
    status: 'approved',
    ...given,
  });
  const seal = by.sealHost({ ...row, id: row._id });
  return { ...row, ...(seal !== undefined && { seal }) };
}
const statusOf = (row: HostRow, by = seals): [Host['status'], boolean] => {
  const { status, unsealed = false } = by.readHost(row);
  return [status, unsealed];
};

describe('Seals', () => {
  test('accepts rows sealed with the same secret, in every status', () => {
    for (const status of ['approved', 'paused', 'pending', 'retired'] as const)
      expect(statusOf(sealed(seals, { status }))).toEqual([status, false]);
  });

  test.each<[string, Partial<HostRow>]>([
    ['id', { _id: 'web2' }],
    ['hostname', { hostname: 'other' }],
    ['url', { url: 'evil.example' }],
    ['port', { sshPort: 2222 }],
    ['user', { username: 'root' }],
    ['key', { publicKey: 'ssh-ed25519 EEEE' }],
    ['host keys', { hostKeys: ['ssh-ed25519 EEEE'] }],
    ['order of the host keys', { hostKeys: ['ssh-rsa CCCC', 'ssh-ed25519 BBBB'] }],
    ['a host key more', { hostKeys: ['ssh-ed25519 BBBB', 'ssh-rsa CCCC', 'x'] }],
    ['root', { rootPath: '/root' }],
    ['sync dirs', { syncDirs: [] }],
    ['passive', { passive: true }],
    ['status', { status: 'paused' }],
    ['two values moved into one', { url: 'web1.example.com",22,"app', sshPort: 22 }],
    ['a type', { hostKeys: 'ssh-ed25519 BBBB' as unknown as string[] }],
    ['a type that prints the same', { username: { toJSON: () => 'app' } as unknown as string }],
    ['a number as text', { sshPort: '22' as unknown as number }],
  ])('a row whose %s was changed is pending', (_, change) => {
    expect(statusOf({ ...sealed(seals), ...change })).toEqual(['pending', true]);
  });

  test.each<[string, unknown]>([
    ['none', undefined],
    ['an empty one', ''],
    ['one of another secret', sealed(new Seals('t'.repeat(32))).seal],
    ['a number', 1],
    ['an array', [sealed(seals).seal]],
    ['longer text', `${sealed(seals).seal ?? ''}=`],
    ['other letters of the same length', 'é'.repeat(44)],
  ])('a row with %s as seal is pending', (_, seal) => {
    expect(statusOf({ ...sealed(seals), seal: seal as string })).toEqual(['pending', true]);
  });

  test('fields that hosts write all the time are not part of it', () => {
    const row = sealed(seals);
    expect(
      statusOf({
        ...row,
        received: 7,
        readyAt: new Date(),
        deliveries: { x: {} },
        halted: {},
        updatedAt: new Date(),
      }),
    ).toEqual(['approved', false]);
  });

  test('while a secret is replaced, the seals of both count, and new ones are made with the new one', () => {
    const both = new Seals('n'.repeat(32), secret);
    expect(statusOf(sealed(seals), both)).toEqual(['approved', false]);
    expect(statusOf(sealed(both), seals)).toEqual(['pending', true]);
    expect(statusOf(sealed(both), new Seals('n'.repeat(32)))).toEqual(['approved', false]);
  });

  test('without a secret every row is accepted, and no seal is written', () => {
    const none = new Seals();
    expect(statusOf(sealed(none), none)).toEqual(['approved', false]);
    expect(sealed(none).seal).toBeUndefined();
    expect(() => {
      none.requireSecret(true);
    }).toThrow(expect.objectContaining({ code: 'BAD_ENVIRONMENT' }));
    expect(() => {
      none.requireSecret(false);
      seals.requireSecret(true);
    }).not.toThrow();
  });

  test('a machine without a secret knows which hosts have one, and says what that means', () => {
    const host = new Seals().readHost(sealed(seals));
    expect(host).toMatchObject({ status: 'approved', uncheckedSeal: true });
    expect(seals.readHost(sealed(seals))).not.toHaveProperty('uncheckedSeal');
    expect(explainMissingSecret([host]).message).toMatch(
      /no SYNCMEDIA_SECRET, but name-web1 registered with one.*AUTH_FAILED/,
    );
    expect(explainUnsealed(host).message).toMatch(
      /this machine has a SYNCMEDIA_SECRET; that host has none or a different one/,
    );
  });

  test('a host never carries its seal: it is not shown', () => {
    expect(Object.keys(seals.readHost(sealed(seals)))).not.toContain('seal');
  });
});
