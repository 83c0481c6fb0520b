import { expect, test } from 'vitest';
import { validateAddress } from '../../../src/transport/ssh/address.js';

const good = { id: 'a-1', url: 'web1.example.com', sshPort: 22, username: 'deploy' };

test.each([
  ['a name', { url: 'web1' }],
  ['an underscore', { url: 'my_host.local' }],
  ['IPv4', { url: '10.0.0.1' }],
  ['IPv6', { url: '2001:db8::1' }],
  ['the highest port', { sshPort: 65_535 }],
  ['a user with a dot', { username: 'j.doe' }],
  ['a user of a domain', { username: 'j-doe@example.com' }],
  ['no id', { id: undefined }],
])('accepts %s', (_what, part) => {
  const { id, ...rest } = { ...good, ...part };
  expect(() => {
    validateAddress(id === undefined ? rest : { id, ...rest });
  }).not.toThrow();
});

test.each([
  ...[
    '',
    '-oProxyCommand=x',
    'a b',
    'a\nProxyCommand x',
    'a;b',
    '$(x)',
    '`x`',
    'a"b',
    "a'b",
    'a\\b',
    'a#b',
    'a%h',
    'a/b',
    'a..b',
    '.a',
    'a.-b',
    'fe80::1%eth0',
    '[::1]',
    'é',
    'a'.repeat(64),
  ].map((url) => ['url', { url }] as const),
  ...['', '-l', 'a b', 'a\nb', 'a;b', '$(x)', 'a"b', "a'b", 'a\\b', 'a%u', 'a:b', '$'].map(
    (username) => ['username', { username }] as const,
  ),
  ...[0, -1, 65_536, 22.5, NaN, Infinity].map((sshPort) => ['sshPort', { sshPort }] as const),
  ...['', '-x', 'a b', 'a/b', 'a\n', '../x'].map((id) => ['id', { id }] as const),
])('refuses %s of %j', (field, part) => {
  expect(() => {
    validateAddress({ ...good, ...part });
  }).toThrow(
    expect.objectContaining({
      code: 'BAD_OPTION',
      message: expect.stringMatching(`^${field} `) as string,
    }),
  );
});
