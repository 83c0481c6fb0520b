import { expect, it } from 'vitest';
import { librariesOf } from '../../scripts/sshd.mjs';

it('takes only libraries from the dependencies of openssh-server', () => {
  const depends = 'adduser, libpam0g (>= 0.99.7.1), debconf (>= 0.5) | debconf-2.0, libc6 (>= 2.36), libssl3t64 (>= 3), ucf, runit-helper';
  expect(librariesOf(depends)).toEqual(['libpam0g', 'libc6', 'libssl3t64']);
});
