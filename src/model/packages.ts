/** The packages of Debian and Ubuntu, Alpine, and RHEL and Fedora that contain a program. */
const packages = {
  rsync: ['rsync', 'rsync', 'rsync'],
  ssh: ['openssh-client', 'openssh-client', 'openssh-clients'],
  sshd: ['openssh-server', 'openssh-server', 'openssh-server'],
  'sftp-server': ['openssh-sftp-server', 'openssh-sftp-server', 'openssh-server'],
  'git-annex': ['git-annex', 'git-annex', 'git-annex'],
  python3: ['python3', 'python3', 'python3'],
} as const;

/**
 * Says how to install a program, for a remedy: `install rsync (Debian, Ubuntu: …)`.
 */
export function describeInstallation(program: keyof typeof packages, where = ''): string {
  const [debian, alpine, redHat] = packages[program];
  return (
    `install ${program}${where && ` ${where}`} (Debian, Ubuntu: \`apt-get install ${debian}\`; ` +
    `Alpine: \`apk add ${alpine}\`; RHEL, Fedora: \`dnf install ${redHat}\`)`
  );
}
