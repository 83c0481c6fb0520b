import { dirname } from 'node:path';

/** Where the example's places are on this machine. */
export interface SandboxPlaces {
  /** In the place of `/srv/app`. */
  readonly root: string;
  /** In the place of `/var/lib/syncmedia`. */
  readonly stateDir: string;
  /** The folder of authorized_keys, which the example keeps in the state folder. */
  readonly keysDir: string;
  /** What the program needs to read below a directory that is hidden from it. */
  readonly readable: readonly string[];
}

/** Settings that bubblewrap cannot imitate, or that it always does. */
const notImitated = new Set([
  'ProtectControlGroups',
  'ProtectKernelLogs',
  'ProtectKernelModules',
  'NoNewPrivileges',
  'RestrictSUIDSGID',
  'LockPersonality',
  'RestrictAddressFamilies',
  'StateDirectoryMode',
]);

/** What each setting of a unit that confines its process is to bubblewrap. */
const imitations: Readonly<
  Record<string, (value: string, places: SandboxPlaces) => readonly string[]>
> = {
  ProtectSystem: (value) => {
    if (value !== 'strict') throw new Error(`ProtectSystem=${value} is not imitated`);
    return ['--ro-bind', '/', '/'];
  },
  PrivateTmp: () => ['--tmpfs', '/tmp', '--tmpfs', '/var/tmp'],
  ProtectHome: () => ['--tmpfs', '/home', '--tmpfs', '/root'],
  PrivateDevices: () => ['--dev', '/dev'],
  ProtectKernelTunables: () => ['--ro-bind', '/proc/sys', '/proc/sys'],
  CapabilityBoundingSet: () => ['--cap-drop', 'ALL'],
  ReadWritePaths: (value, { root }) =>
    value.split(' ').flatMap((path) => bind(path.replace('/srv/app', root))),
  StateDirectory: (_value, { stateDir, keysDir }) => [...bind(stateDir), ...bind(keysDir)],
};
/** Directories are hidden before parts of them are shown again. */
const order = Object.keys(imitations);

const bind = (path: string): string[] => ['--bind', path, path];

/** The arguments of bubblewrap for the sandbox of a unit of systemd. */
export function imitateSandbox(unit: string, places: SandboxPlaces): string[] {
  const settings = [...unit.matchAll(/^([A-Z]\w+)=(.*)$/gm)]
    .map(([, name = '', value = '']) => ({ name, value }))
    .filter(({ name }) => /^(Protect|Private|Restrict|ReadWrite|State|Cap|NoNew|Lock)/.test(name))
    .filter(({ name }) => !notImitated.has(name));
  const unknown = settings.find(({ name }) => !(name in imitations));
  if (unknown) throw new Error(`the test does not know ${unknown.name}`);
  return [
    ...settings
      .sort((one, other) => order.indexOf(one.name) - order.indexOf(other.name))
      .flatMap(({ name, value }) => imitations[name]?.(value, places) ?? []),
    ...[dirname(process.execPath), ...places.readable].flatMap((path) => ['--ro-bind', path, path]),
    '--die-with-parent',
    '--',
  ];
}
