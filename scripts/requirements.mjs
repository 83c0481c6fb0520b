// What a machine lacks for the demo and the tests, and the words that say so. Decides only;
// setup.mjs looks and acts.

/**
 * @typedef {'rsync' | 'git' | 'git-annex' | 'ssh' | 'sshd' | 'sftp-server' | 'python3' | 'pip' |
 *   'libssl' | 'libcurl'} Program
 */
/** @typedef {{ kind: 'apt' | 'dnf' | 'zypper' | 'pacman' | 'apk' | 'brew' | 'unknown' }} System */

/**
 * Which package brings which program. The last three serve the fourth way to a MongoDB
 * (database.mjs), which only systems with glibc have.
 *
 * @type {Record<Exclude<System['kind'], 'unknown'>, Partial<Record<Program, string>>>}
 */
const PACKAGES = {
  apt: {
    ...same('rsync'),
    ...same('git'),
    ...same('git-annex'),
    ...ssh('openssh-client', 'openssh-server', 'openssh-sftp-server'),
    python3: 'python3',
    ...wheel('python3-pip', 'libssl3', 'libcurl4'),
  },
  dnf: {
    ...same('rsync'),
    ...same('git'),
    ...same('git-annex'),
    ...ssh('openssh-clients', 'openssh-server'),
    python3: 'python3',
    ...wheel('python3-pip', 'openssl-libs', 'libcurl'),
  },
  zypper: {
    ...same('rsync'),
    ...same('git'),
    ...same('git-annex'),
    ...ssh('openssh-clients', 'openssh-server'),
    python3: 'python3',
    ...wheel('python3-pip', 'libopenssl3', 'libcurl4'),
  },
  pacman: {
    ...same('rsync'),
    ...same('git'),
    ...same('git-annex'),
    ...ssh('openssh'),
    python3: 'python',
    ...wheel('python-pip', 'openssl', 'curl'),
  },
  apk: {
    ...same('rsync'),
    ...same('git'),
    ...same('git-annex'),
    ...ssh('openssh-client', 'openssh-server', 'openssh-sftp-server'),
    python3: 'python3',
  },
  brew: {
    ...same('rsync'),
    ...same('git'),
    ...same('git-annex'),
    ...ssh('openssh'),
    python3: 'python@3',
  },
};

const COMMANDS = {
  apt: 'apt-get install',
  dnf: 'dnf install',
  zypper: 'zypper install',
  pacman: 'pacman -S',
  apk: 'apk add',
  brew: 'brew install',
};

/** @param {'rsync' | 'git' | 'git-annex'} name @returns {Partial<Record<Program, string>>} */
function same(name) {
  return { [name]: name };
}

/** @param {string} client @param {string} server @param {string} sftp */
function ssh(client, server = client, sftp = server) {
  return { ssh: client, sshd: server, 'sftp-server': sftp };
}

/** @param {string} pip @param {string} libssl @param {string} libcurl */
function wheel(pip, libssl, libcurl) {
  return { pip, libssl, libcurl };
}

/**
 * @param {NodeJS.Platform} platform
 * @param {string} osRelease the text of /etc/os-release, empty where there is none
 * @returns {System}
 */
export function recogniseSystem(platform, osRelease) {
  if (platform === 'darwin') return { kind: 'brew' };
  const ids = [...osRelease.matchAll(/^ID(?:_LIKE)?=(.*)$/gm)].flatMap(([, value = '']) =>
    value.replace(/["']/g, '').split(' '),
  );
  /** @type {[string[], System['kind']][]} */
  const families = [
    [['debian', 'ubuntu'], 'apt'],
    [['fedora', 'rhel', 'centos'], 'dnf'],
    [['suse', 'opensuse', 'sles'], 'zypper'],
    [['arch'], 'pacman'],
    [['alpine'], 'apk'],
  ];
  const family = families.find(([names]) => names.some((name) => ids.includes(name)));
  return { kind: platform === 'linux' && family ? family[1] : 'unknown' };
}

/**
 * @param {System} system
 * @param {readonly Program[]} programs
 * @returns {string[]} each package once
 */
export function packagesFor(system, programs) {
  if (system.kind === 'unknown') return [];
  const packages = PACKAGES[system.kind];
  return [...new Set(programs.flatMap((program) => packages[program] ?? []))];
}

/**
 * The one message of a machine on which we may not or cannot install.
 *
 * @param {System} system
 * @param {readonly Program[]} missing
 * @param {{ task: string }} options
 * @returns {string}
 */
export function explainMissing(system, missing, { task }) {
  const lines = [`For the ${task} these are missing: ${missing.join(', ')}`];
  if (system.kind === 'unknown') {
    lines.push(
      'Install them with the package manager of this system (rsync, OpenSSH client and server, ' +
        'Python 3; pip, OpenSSL 3, libcurl).',
    );
  } else {
    const sudo = system.kind === 'brew' ? '' : 'sudo ';
    lines.push(
      `Install them with:  ${sudo}${COMMANDS[system.kind]} ` +
        `${packagesFor(system, missing).join(' ')}`,
    );
  }
  if (system.kind === 'apt') {
    lines.push('Or, without a service on port 22:  sudo node scripts/setup.mjs --programs-only');
  }
  const forWheel = missing.filter((program) => ['pip', 'libssl', 'libcurl'].includes(program));
  if (forWheel.length > 0) {
    lines.push(
      `Only the way to a MongoDB by pip needs ${forWheel.join(', ')}: MONGODB_URI in the ` +
        `environment, a mongod on the PATH,`,
      'or a network in which mongodb-memory-server can download one, do as well.',
    );
  }
  return lines.join('\n');
}

/**
 * @param {string} version such as process.versions.node
 * @param {string} range of package.json's engines, `>=MAJOR.MINOR`
 * @returns {boolean}
 */
export function isNodeRecentEnough(version, range) {
  const [, major = 0, minor = 0] = (/^>=(\d+)(?:\.(\d+))?/.exec(range) || []).map(Number);
  const [ourMajor = 0, ourMinor = 0] = version.split('.').map(Number);
  return ourMajor > major || (ourMajor === major && ourMinor >= minor);
}

/**
 * @typedef {{ packages?: Record<string, { version?: string, optional?: boolean, link?: boolean }>
 *   }} Lock
 *
 * Whether node_modules holds what the lockfile says. By content, not by date: a checkout touches
 * the lockfile, and npm writes its own record of node_modules first and the lockfile after it.
 *
 * @param {Lock} lockfile package-lock.json
 * @param {Lock | undefined} installed node_modules/.package-lock.json, which npm writes when all is
 *   in place
 * @returns {boolean}
 */
export function isInstalled(lockfile, installed) {
  if (!installed || !installed.packages) return false;
  const here = installed.packages;
  return Object.entries(lockfile.packages || {}).every(([path, wanted]) => {
    const found = here[path];
    // Optional packages for other systems are in the lockfile and never installed.
    return (
      path === '' ||
      wanted.link ||
      (found ? found.version === wanted.version : wanted.optional === true)
    );
  });
}
