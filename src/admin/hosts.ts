import { describeHost } from '../api/describe-host.js';
import type { SyncMedia } from '../api/sync-media.js';
import {
  listOf,
  oneOf,
  publicKeyLine,
  readFields,
  requireFields,
  text,
  wholeNumber,
} from './fields.js';
import type { Answer, Asked } from './find-route.js';

const address = {
  hostname: text(),
  url: text(),
  sshPort: wholeNumber(1, 65_535),
  username: text(),
};
const syncDirs = listOf(text(4096));
/**
 * A caller of the router is on none of the hosts. So the router connects to no host that is not
 * approved yet, and approves none along with another change.
 */
const remote = { remote: true };
const registration = { ...address, key: publicKeyLine, root: text(4096), syncDirs };

export async function listHosts(sync: SyncMedia): Promise<Answer> {
  return { status: 200, body: { hosts: (await sync.hosts.list()).map(describeHost) } };
}

export async function showHost(sync: SyncMedia, { params }: Asked): Promise<Answer> {
  return { status: 200, body: { host: describeHost(await sync.hosts.show(nameOf(params))) } };
}

export async function initHost(sync: SyncMedia, { body }: Asked): Promise<Answer> {
  const { host, created, checks } = await sync.hosts.init(readFields(body, registration), remote);
  return {
    status: created ? 201 : 200,
    body: { host: describeHost(host), created, checks },
    location: `/hosts/${host.id}`,
  };
}

export async function addHost(sync: SyncMedia, { body }: Asked): Promise<Answer> {
  const fields = readFields(body, { ...registration, hostKey: publicKeyLine });
  const host = await sync.hosts.add(requireFields(fields, 'hostname', 'root', 'hostKey'), remote);
  return { status: 201, body: { host: describeHost(host) }, location: `/hosts/${host.id}` };
}

export async function editHost(sync: SyncMedia, { params, body }: Asked): Promise<Answer> {
  const edit = readFields(body, {
    ...address,
    rootPath: text(4096),
    syncDirs,
    status: oneOf('approved', 'paused'),
    publicKey: publicKeyLine,
  });
  return {
    status: 200,
    body: { host: describeHost(await sync.hosts.edit(nameOf(params), edit, remote)) },
  };
}

export async function unregisterHost(sync: SyncMedia, { params, body }: Asked): Promise<Answer> {
  readFields(body, {});
  return { status: 200, body: { host: describeHost(await sync.hosts.unregister(nameOf(params))) } };
}

function nameOf(params: Asked['params']): string {
  return text()(params.host, 'host');
}
