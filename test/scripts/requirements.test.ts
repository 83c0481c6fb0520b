import { describe, expect, it } from 'vitest';
import {
  explainMissing,
  isInstalled,
  isNodeRecentEnough,
  packagesFor,
  recogniseSystem,
} from '../../scripts/requirements.mjs';

describe('recogniseSystem', () => {
  it.each([
    ['linux', 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n', 'apt'],
    ['linux', 'ID=linuxmint\nID_LIKE="ubuntu debian"\n', 'apt'],
    ['linux', 'ID="rocky"\nID_LIKE="rhel centos fedora"\n', 'dnf'],
    ['linux', 'ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', 'zypper'],
    ['linux', 'ID=arch\n', 'pacman'],
    ['linux', 'ID=alpine\n', 'apk'],
    ['linux', 'ID=gentoo\n', 'unknown'],
    ['linux', '', 'unknown'],
    ['darwin', '', 'brew'],
    ['freebsd', 'ID=freebsd\n', 'unknown'],
  ] as const)('%s %j is %s', (platform, osRelease, kind) => {
    expect(recogniseSystem(platform, osRelease)).toEqual({ kind });
  });
});

describe('packagesFor', () => {
  it('names each package once', () => {
    expect(packagesFor({ kind: 'apt' }, ['rsync', 'pip', 'libcurl'])).toEqual([
      'rsync',
      'python3-pip',
      'libcurl4',
    ]);
    expect(packagesFor({ kind: 'pacman' }, ['ssh', 'sshd'])).toEqual(['openssh']);
    expect(packagesFor({ kind: 'apt' }, ['sftp-server'])).toEqual(['openssh-sftp-server']);
    expect(packagesFor({ kind: 'dnf' }, ['sshd', 'sftp-server'])).toEqual(['openssh-server']);
  });
});

describe('explainMissing', () => {
  it('names every program and the command', () => {
    expect(explainMissing({ kind: 'apt' }, ['rsync', 'sshd', 'pip'], { task: 'demo' })).toBe(
      [
        'For the demo these are missing: rsync, sshd, pip',
        'Install them with:  sudo apt-get install rsync openssh-server python3-pip',
        'Or, without a service on port 22:  sudo node scripts/setup.mjs --programs-only',
        'Only the way to a MongoDB by pip needs pip: MONGODB_URI in the environment, a mongod ' +
          'on the PATH,',
        'or a network in which mongodb-memory-server can download one, do as well.',
      ].join('\n'),
    );
  });

  it('names git-annex, which the demo needs with that backend, on each system', () => {
    for (const kind of ['apt', 'dnf', 'zypper', 'pacman', 'apk', 'brew'] as const)
      expect(explainMissing({ kind }, ['git-annex'], { task: 'demo' })).toMatch(
        /Install them with: .* git-annex$/m,
      );
  });

  it('speaks of MongoDB only where that is the matter', () => {
    expect(explainMissing({ kind: 'brew' }, ['rsync'], { task: 'tests' })).toBe(
      'For the tests these are missing: rsync\nInstall them with:  brew install rsync',
    );
  });

  it('gives no command that it does not know', () => {
    expect(explainMissing({ kind: 'unknown' }, ['ssh'], { task: 'tests' })).toMatch(
      /missing: ssh\n.*package manager/,
    );
  });
});

describe('isNodeRecentEnough', () => {
  it.each([
    ['20.19.0', true],
    ['20.18.3', false],
    ['18.20.0', false],
    ['22.0.0', true],
    ['100.1.0', true],
  ])('%s: %s', (version, enough) => {
    expect(isNodeRecentEnough(version, '>=20.19')).toBe(enough);
  });
});

describe('isInstalled', () => {
  const lock = {
    packages: {
      '': {},
      'node_modules/a': { version: '1.0.0' },
      'node_modules/b-win': { version: '2.0.0', optional: true },
    },
  };
  it('accepts a node_modules with all packages of the lockfile', () => {
    expect(isInstalled(lock, { packages: { 'node_modules/a': { version: '1.0.0' } } })).toBe(true);
  });
  it.each([
    ['none', undefined],
    ['an empty one', { packages: {} }],
    ['another version', { packages: { 'node_modules/a': { version: '1.0.1' } } }],
    [
      'another version of an optional one',
      {
        packages: {
          'node_modules/a': { version: '1.0.0' },
          'node_modules/b-win': { version: '1.0.0' },
        },
      },
    ],
  ])('refuses %s', (_, installed) => {
    expect(isInstalled(lock, installed)).toBe(false);
  });
});
