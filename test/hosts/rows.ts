import type { HostRow } from '../../src/hosts/host-model.js';

/** A row as `init` makes it; what a test is about is given. */
export function makeRow(id: string, given: Partial<HostRow> = {}): HostRow {
  return {
    _id: id,
    hostname: `name-${id}`,
    url: `${id}.example.com`,
    sshPort: 22,
    username: 'app',
    publicKey: '',
    hostKeys: [],
    rootPath: '/srv/app',
    syncDirs: [],
    backend: 'rsync',
    passive: false,
    status: 'approved',
    deliveries: {},
    rescans: {},
    received: 0,
    halted: {},
    createdAt: new Date(0),
    updatedAt: new Date(0),
    ...given,
  };
}
