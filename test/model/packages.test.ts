import { expect, test } from 'vitest';
import { assessRsync } from '../../src/doctor/check-programs.js';
import { describeInstallation } from '../../src/model/packages.js';
import { findHostFailure } from '../../src/transport/rsync/answers.js';

const host = { id: 'b', url: 'web2', sshPort: 22, username: 'deploy', hostKeys: [] };
/** The commands of Debian, Alpine and RHEL for these packages. */
const commands = (debian: string, alpine: string, redHat: string): RegExp =>
  new RegExp(`apt-get install ${debian}\`.*apk add ${alpine}\`.*dnf install ${redHat}\``);

test.each([
  ['rsync', 'rsync', 'rsync', 'rsync'],
  ['ssh', 'openssh-client', 'openssh-client', 'openssh-clients'],
  ['sshd', 'openssh-server', 'openssh-server', 'openssh-server'],
  ['sftp-server', 'openssh-sftp-server', 'openssh-sftp-server', 'openssh-server'],
  ['git-annex', 'git-annex', 'git-annex', 'git-annex'],
  ['python3', 'python3', 'python3', 'python3'],
] as const)('%s has a package for Debian, Alpine and RHEL', (program, debian, alpine, redHat) => {
  expect(describeInstallation(program)).toMatch(commands(debian, alpine, redHat));
});

test.each<[string, string | undefined, RegExp]>([
  [
    'a delivery without an rsync here',
    findHostFailure({ code: null, stderr: '', endedBy: 'no rsync' }, host)?.message,
    commands('rsync', 'rsync', 'rsync'),
  ],
  [
    'a delivery to a host without rsync',
    findHostFailure({ code: 127, stderr: 'sh: rsync: not found' }, host)?.message,
    commands('rsync', 'rsync', 'rsync'),
  ],
  [
    'a delivery without an ssh here',
    findHostFailure({ code: 14, stderr: 'rsync: Failed to exec ssh: No such file' }, host)?.message,
    commands('openssh-client', 'openssh-client', 'openssh-clients'),
  ],
  ['doctor', assessRsync(undefined).remedy, commands('rsync', 'rsync', 'rsync')],
])('%s names them', (_what, message, expected) => {
  expect(message).toMatch(expected);
});
