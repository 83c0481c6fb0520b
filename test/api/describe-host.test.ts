import { expect, test } from 'vitest';
import { describeHost, describeHostDetails } from '../../src/api/describe-host.js';
import { fingerprint, makeHost, publicKey } from '../admin/recording-instance.js';

test('keys are described as ssh-keygen prints them, without their comment', () => {
  expect(describeHost(makeHost())).toMatchObject({
    publicKey,
    key: { type: 'ssh-ed25519', fingerprint },
    hostKeys: [{ type: 'ssh-ed25519', fingerprint }],
  });
});

test.each([
  ['none', ''],
  [
    'a private key',
    '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk=\n-----END OPENSSH PRIVATE KEY-----',
  ],
  ['a key with a private one behind it', `${publicKey} me\n-----BEGIN OPENSSH PRIVATE KEY-----`],
  ['options before the key', `command="x" ${publicKey}`],
])('%s is not shown as a public key', (_, line) => {
  expect(describeHost(makeHost({ publicKey: line, hostKeys: [line] }))).toMatchObject({
    publicKey: null,
    key: null,
    hostKeys: [],
  });
});

test('fields that only the host itself needs stay out', () => {
  expect(Object.keys(describeHost(makeHost({ lease: { leader: 'p', beat: 1 } })))).not.toEqual(
    expect.arrayContaining(['lease']),
  );
});

test('alone a host is shown with its last reload and names that cannot be synced, cut to a size that is shown', () => {
  const at = new Date();
  const examples = Array.from({ length: 40 }, () => ({
    path: 'x'.repeat(9_000),
    why: 'y'.repeat(9_000),
  }));
  const names = { count: 100, examples };
  const { reload, unsyncable = [] } = describeHostDetails(
    makeHost({
      reload: { at, exitCode: 1, output: `${'x'.repeat(9_000)}end` },
      unsyncable: { a: names, b: names },
    }),
  );
  expect(reload).toMatchObject({ at, exitCode: 1 });
  expect(reload?.output).toHaveLength(4_096);
  expect(reload?.output.endsWith('end')).toBe(true);
  expect(unsyncable).toHaveLength(50);
  expect([unsyncable[0]?.path.length, unsyncable[0]?.why.length]).toEqual([4_096, 500]);
  expect(describeHostDetails(makeHost())).toEqual(describeHost(makeHost()));
});
