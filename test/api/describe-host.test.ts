import { expect, test } from 'vitest';
import { describeHost } from '../../src/api/describe-host.js';
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
