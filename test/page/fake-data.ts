import type {
  HostOverview,
  HostStateName,
  Need,
  Overview,
  RunSummary,
} from '../../src/api/overview.js';
import type { Wire } from '../../src/page/wire.js';
import type { Path } from '../../src/model/path.js';

/** The database's time in all of this data. */
export const at = new Date('2026-11-27T14:31:10Z');
export const secondsBefore = (seconds: number): Date => new Date(at.getTime() - seconds * 1000);

const steady = [11, 16, 20, 15, 17, 27, 16, 11, 15, 20, 14, 12, 19, 23, 14, 13, 18, 11, 19, 12];

export function makeHost(hostname: string, over: Partial<HostOverview> = {}): HostOverview {
  return {
    id: `id-${hostname}`,
    hostname,
    address: `app@${hostname}.example.com:22`,
    thisHost: false,
    passive: false,
    approval: 'approved',
    state: 'up to date',
    note: '',
    pending: { count: 0, capped: false, bytes: 0 },
    blocked: 0,
    blockedBy: [],
    conflicts: 0,
    unsyncable: 0,
    deliveredSecondsAgo: 4,
    deliveries: steady,
    heartbeatSecondsAgo: 2,
    clockOffsetSeconds: 0.1,
    version: '0.2.0',
    leader: 'pid 24602',
    failures: [],
    ...over,
  };
}

export const down = makeHost('web3', {
  state: 'down',
  note: 'connection timed out',
  since: secondsBefore(724),
  cause: 'Connecting to web3.example.com:22 timed out, from web1 and from web2.',
  consequence: 'Nothing is lost: the files that wait go out by themselves when it is back.',
  remedy: 'See whether the machine is up and its sshd listens.',
  code: 'HOST_UNREACHABLE',
  pending: { count: 1204, capped: false, bytes: 2_311_000_000 },
  oldestSeconds: 724,
  deliveredSecondsAgo: 731,
  deliveries: [9, 14, 22, 18, 9, 30, 26, 17, 9, 14, 22, 13, 8, 21, 16, 4, 0, 0, 0, 0],
  heartbeatSecondsAgo: 726,
  nextTrySeconds: 38,
  failures: [
    {
      from: 'web1',
      code: 'HOST_UNREACHABLE',
      message: 'web3.example.com:22: connection timed out',
      remedy: 'Check its address, sshd and firewall.',
      sinceSeconds: 724,
      nextTrySeconds: 38,
    },
    {
      from: 'web2',
      code: 'HOST_UNREACHABLE',
      message: 'web3.example.com:22: connection timed out',
      remedy: 'Check its address, sshd and firewall.',
      sinceSeconds: 719,
      nextTrySeconds: 12,
    },
  ],
});

const blocked = makeHost('img1', {
  state: 'blocked',
  passive: true,
  note: '1 file: no space left',
  cause: 'uploads/orders/4711/label.pdf cannot be written on img1: no space is left.',
  consequence: 'Every other file goes on arriving there. This one is tried again by itself.',
  remedy: 'Free space on img1.',
  code: 'DISK_FULL',
  pending: { count: 1, capped: false, bytes: 61_022 },
  oldestSeconds: 719,
  blocked: 1,
});

const filling = makeHost('web4', {
  state: 'filling',
  note: '62 %, from web1',
  cause: 'It joined at 13:52 and gets its first files from web1.',
  consequence: 'Until then no host fetches from it, and /readyz there answers 503.',
  pending: { count: 10_000, capped: true, bytes: 31_400_000_000 },
  deliveredSecondsAgo: 2,
  filling: { files: 29_905, filesFound: 48_211, from: ['web1'], secondsLeft: 740 },
  deliveries: [0, 0, 0, 0, 0, 0, 0, 4, 88, 95, 90, 93, 96, 89, 95, 90, 97, 94, 92, 96],
});

const paused = makeHost('backup', {
  state: 'paused',
  approval: 'paused',
  passive: true,
  note: 'by ops: disk swap',
  cause: 'backup was paused by ops: disk swap.',
  consequence: 'Files that are saved meanwhile wait for it, and go there once it is resumed.',
  address: 'app@backup.example.com:2222',
  pending: { count: 310, capped: false, bytes: 402_000_000 },
  oldestSeconds: 8_040,
  deliveredSecondsAgo: 8_051,
  deliveries: Array.from({ length: 20 }, () => 0),
  paused: { by: 'ops', reason: 'disk swap', since: secondsBefore(8_040) },
});

export const pending = makeHost('web5', {
  state: 'pending',
  approval: 'pending',
  note: 'compare its key',
  cause: 'It registered at 14:22.',
  consequence: 'Until somebody approves it, nothing is sent to it and nothing is fetched from it.',
  remedy: 'Compare its key with the one that init printed there.',
  deliveries: [],
});

/** Eight hosts, among them one of nearly each state. */
export const eightHosts: HostOverview[] = [
  down,
  blocked,
  filling,
  paused,
  pending,
  makeHost('web1', { thisHost: true, note: 'answers this page' }),
  makeHost('web2', {
    conflicts: 1,
    pending: { count: 2, capped: false, bytes: 811_000 },
    oldestSeconds: 0,
    deliveredSecondsAgo: 1,
  }),
  makeHost('web6', { version: '0.1.0', note: 'still runs 0.1.0' }),
];

/** The same hosts, where the one that answers keeps earlier versions. */
export function withHistory(hosts: readonly HostOverview[]): HostOverview[] {
  return hosts.map((host) =>
    host.thisHost ? { ...host, history: { unrecorded: { count: 0, capped: false } } } : host,
  );
}

export const needs: Need[] = [
  {
    id: 'host id-web3',
    kind: 'host',
    host: 'web3',
    title: 'web3 does not answer',
    cause: 'Connecting to web3.example.com:22 timed out, from web1 and from web2.',
    safe: 'Nothing is lost: the files that wait go out by themselves when it is back.',
    remedy: 'See whether the machine is up and its sshd listens.',
    sinceSeconds: 724,
    action: { label: 'Open web3', view: '#/hosts/web3' },
    command: 'syncmedia doctor',
  },
  {
    id: 'host id-img1',
    kind: 'host',
    host: 'img1',
    title: 'img1 cannot receive 1 file',
    cause: 'uploads/orders/4711/label.pdf cannot be written on img1: no space is left.',
    safe: 'Every other file goes on arriving there.',
    remedy: 'Free space on img1.',
    sinceSeconds: 719,
    action: { label: 'Open img1', view: '#/hosts/img1' },
  },
  {
    id: 'removals uploads/products',
    kind: 'removals',
    host: 'web2',
    dir: 'uploads/products' as Path,
    title: '312 removals in uploads/products wait for a yes or no',
    cause: 'They came at once on web2, a third of that directory.',
    safe: 'Nothing is removed until you decide.',
    remedy: 'Look at the paths, then approve or reject them.',
    sinceSeconds: 1_860,
    action: { label: 'Review removals', view: '#/removals' },
    command: 'syncmedia removals',
  },
  {
    id: 'host id-web5',
    kind: 'host',
    host: 'web5',
    title: 'web5 waits for approval',
    cause: 'It registered at 14:22.',
    safe: 'Until somebody approves it, nothing is sent to it and nothing is fetched from it.',
    remedy: 'Compare its key with the one that init printed there.',
    action: { label: 'Open web5', view: '#/hosts/web5' },
  },
];

export const runSummaries: RunSummary[] = [
  {
    id: 'b61f',
    kind: 'pull',
    at: 'web6',
    state: 'running',
    dryRun: false,
    files: 3_120,
    filesFound: 5_200,
    bytes: 7_400_000_000,
    bytesFound: 12_100_000_000,
    requestedSecondsAgo: 192,
    secondsLeft: 115,
    requestedBy: 'ops',
    result: '2 min left',
  },
  {
    id: '97c2',
    kind: 'verify',
    at: 'web1',
    state: 'failed',
    dryRun: false,
    files: 48_190,
    filesFound: 48_211,
    bytes: 82_000_000_000,
    bytesFound: 82_000_000_000,
    requestedSecondsAgo: 41_400,
    endedSecondsAgo: 39_000,
    requestedBy: 'cron',
    result: '2 files differ on img1 and 1 is missing there. Nothing was changed.',
  },
];

export function makeOverview(over: Partial<Overview> = {}): Overview {
  return {
    at,
    id: 'o1',
    headline: '4 of 7 hosts lack files',
    thisHost: { id: 'id-web1', hostname: 'web1' },
    entries: 48_211,
    missing: { count: 0, capped: false },
    captures: { count: { count: 0, capped: false } },
    hosts: eightHosts,
    needs,
    runs: runSummaries,
    recent: [
      { at: secondsBefore(4), host: 'web2', text: '2 files saved, on their way' },
      { at: secondsBefore(190), host: 'web6', text: 'pull asked for by ops' },
      { at: secondsBefore(724), host: 'web3', text: 'does not answer' },
    ],
    ...over,
  };
}

/** Fifty hosts: two that do not answer, four that are behind, and 44 that are up to date. */
export function makeFiftyHosts(): Overview {
  const states: HostStateName[] = ['down', 'down', 'behind', 'behind', 'behind', 'behind'];
  const hosts = Array.from({ length: 50 }, (_, index): HostOverview => {
    const name = `web${String(index + 1).padStart(2, '0')}`;
    const state = states[index] ?? 'up to date';
    if (state === 'up to date') return makeHost(name, { thisHost: index === 49 });
    return makeHost(name, {
      state,
      note: state === 'down' ? 'connection timed out' : 'waits for 4 min',
      pending: { count: 10_000, capped: true, bytes: 40_000_000_000 },
      oldestSeconds: 240,
    });
  });
  return makeOverview({
    headline: '6 of 50 hosts lack files',
    thisHost: { id: 'id-web50', hostname: 'web50' },
    hosts,
    entries: 300_000,
    needs: needs.slice(0, 1),
  });
}

export const emptySite: Overview = {
  at,
  id: 'empty',
  headline: 'No machine is registered yet',
  entries: 0,
  missing: { count: 0, capped: false },
  captures: { count: { count: 0, capped: false } },
  hosts: [],
  needs: [
    {
      id: 'setup',
      kind: 'setup',
      title: 'No machine is registered yet',
      cause: 'Run this command first on the machine that has the files.',
      safe: 'Until then nothing is captured, sent or received here.',
      remedy: 'Run the command in the directory of the application.',
      command: 'npx syncmedia init --root /srv/shop --sync-dirs uploads/orders --generate',
    },
  ],
  runs: [],
  recent: [],
};

const file = (
  name: string,
  size: number,
  heldBy: readonly string[],
  lacking: readonly { host: string; isBlocked?: boolean; why: string; remedy?: string }[],
): object => ({
  path: `uploads/orders/4711/${name}`,
  captured: true,
  kind: 'file',
  version: 'v1',
  size,
  sha256: '9f2c1e07'.repeat(8),
  capturedAt: secondsBefore(724),
  origin: { id: 'id-web1', hostname: 'web1' },
  savedBy: { model: 'Order', id: '4711' },
  heldBy: heldBy.map((hostname) => ({ id: `id-${hostname}`, hostname })),
  pending: lacking.map(({ host, isBlocked = false, why, remedy }) => ({
    id: `id-${host}`,
    hostname: host,
    since: secondsBefore(724),
    blocked: isBlocked,
    why,
    ...(remedy !== undefined && {
      remedy,
      failure: { code: 'DISK_FULL', message: why, retryable: true, scope: 'path' },
      retryAt: new Date(at.getTime() + 1_600_000),
    }),
  })),
  unconcerned: [],
});

const notAnswering = {
  host: 'web3',
  why: 'web3 does not answer. The file goes out when it is back.',
};
const isPaused = { host: 'backup', why: 'backup is paused, by ops: disk swap.' };
const isFull = {
  host: 'img1',
  isBlocked: true,
  why: 'No space is left on img1.',
  remedy: 'Free space on img1; the delivery is retried.',
};

export const orderFiles = [
  file('front.jpg', 301_557, ['web1', 'web2', 'web3', 'web6', 'img1', 'backup'], []),
  file('back.jpg', 284_113, ['web1', 'web2', 'web6', 'img1'], [notAnswering, isPaused]),
  file('label.pdf', 61_022, ['web1', 'web2', 'web6'], [notAnswering, isFull, isPaused]),
];

/** Three versions of a file: one that is current, one of which only the hash is kept, and one. */
export const versions = (['stored', 'named', 'stored'] as const).map((as, index) => ({
  path: 'uploads/orders/4711/front.jpg',
  version: `v${String(3 - index)}`,
  host: 'id-web1',
  hostname: 'web1',
  at: secondsBefore(724 + index * 86_400),
  as,
  author: index === 0 ? 'Ada' : 'syncmedia',
  savedBy: { model: 'Order', id: '4711' },
  info: { size: 301_557 - index, mtime: 0, sha256: String(index).repeat(64) },
  revision: String(index).repeat(40),
}));

export const conflict = {
  host: 'web2',
  dir: 'uploads/photos',
  path: 'uploads/photos/team.jpg',
  keptAs: 'team.jpg.1764250000.web2',
  at: secondsBefore(3_120),
  size: 2_204_118,
  why: 'saved on web1 and web2 within a second; the save on web1 was written last',
};

export const comparison = {
  dir: conflict.dir,
  path: conflict.path,
  keptAs: conflict.keptAs,
  conflict: { size: 2_204_118, mtime: secondsBefore(3_121), sha256: '77ab01c9'.repeat(8) },
  here: { size: 2_311_876, mtime: secondsBefore(3_120), sha256: 'd2e9f430'.repeat(8) },
  identical: false,
};

export const removals = {
  host: 'web2',
  dir: 'uploads/products',
  failure: {
    code: 'REMOVALS_HALTED',
    message: '312 of 936 files of uploads/products were deleted',
    retryable: false,
    scope: 'host',
  },
  count: 312,
  share: 1 / 3,
  since: secondsBefore(1_860),
  paths: Array.from({ length: 312 }, (_, index) => `uploads/products/2019/${String(index)}.jpg`),
};

export const trashFiles = ['anchor', 'bell', 'compass'].map((name, index) => ({
  dir: 'uploads/products',
  path: `uploads/products/2019/${name}.jpg`,
  keptAs: `${name}.jpg.17642500${String(index)}0`,
  at: secondsBefore(86_400 * (index + 1)),
  size: 84_000 * (index + 1),
}));

export const audit = [
  {
    id: 'a2',
    at: secondsBefore(192),
    by: '"ops" through the router, from 10.0.0.4',
    what: 'pull',
    args: '[{"at":"web6","dryRun":false}]',
    host: 'id-web6',
    outcome: 'done',
  },
  {
    id: 'a1',
    at: secondsBefore(8_040),
    by: '"ops" through the router, from 10.0.0.4',
    what: 'hosts.edit',
    args: '["backup",{"status":"paused","reason":"disk swap"}]',
    host: 'id-web1',
    outcome: 'done',
  },
];

export function makeRun(summary: RunSummary, over: object = {}): Record<string, unknown> {
  const { id, kind, at: host, state, dryRun, files, filesFound, bytes, bytesFound } = summary;
  return {
    id,
    kind,
    at: `id-${host}`,
    hosts: [],
    dirs: [],
    dryRun,
    repair: false,
    state,
    files,
    filesFound,
    bytes,
    bytesFound,
    failures: [],
    requestedAt: secondsBefore(summary.requestedSecondsAgo),
    startedAt: secondsBefore(summary.requestedSecondsAgo - 1),
    ...(summary.endedSecondsAgo !== undefined && {
      endedAt: secondsBefore(summary.endedSecondsAgo),
    }),
    requestedBy: summary.requestedBy,
    ...over,
  };
}

export function describeFakeHost({ id, hostname, passive, approval }: HostOverview): object {
  return {
    id,
    hostname,
    url: `${hostname}.example.com`,
    sshPort: 22,
    username: 'app',
    rootPath: '/srv/shop',
    syncDirs: ['uploads/orders', 'uploads/photos', 'uploads/products'],
    backend: 'rsync',
    passive,
    status: approval,
    halted: {},
    readyAt: secondsBefore(9_000_000),
    createdAt: secondsBefore(9_000_000),
    updatedAt: secondsBefore(100),
    publicKey: 'ssh-ed25519 AAAA',
    key: {
      type: 'ssh-ed25519',
      fingerprint: 'SHA256:q1Z8mC0vXhYk2r7Jt5bq9dWfLx3uN6aEoP4sGiTeRw0',
    },
    hostKeys: [
      {
        type: 'ssh-ed25519',
        fingerprint: 'SHA256:Nn3uTq5kP0cVbRzXy2sWdE7mJ4aGhL8oF1iQtKvU6Yw',
      },
    ],
    digest: 'd'.repeat(64),
  };
}

/** As the router sends it. */
export function toWire<T>(value: T): Wire<T> {
  return JSON.parse(JSON.stringify(value)) as Wire<T>;
}
