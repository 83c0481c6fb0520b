import { expect, it } from 'vitest';
import { librariesOf } from '../../scripts/package-files.mjs';

it('takes only libraries from the dependencies of openssh-server', () => {
  const depends =
    'adduser, libpam0g (>= 0.99.7.1), debconf (>= 0.5) | debconf-2.0, libc6 (>= 2.36), ' +
    'libssl3t64 (>= 3), ucf, runit-helper';
  expect(librariesOf(depends)).toEqual(['libpam0g', 'libc6', 'libssl3t64']);
});

it('takes only libraries from the dependencies of nginx', () => {
  const depends =
    'libc6 (>= 2.34), libpcre2-8-0 (>= 10.22), libssl3 (>= 3.0.0), zlib1g (>= 1:1.1.4), ' +
    'iproute2, nginx-common (<< 1.22.1-9+deb12u11.1~)';
  expect(librariesOf(depends)).toEqual(['libc6', 'libpcre2-8-0', 'libssl3', 'zlib1g']);
});
