import { describeHost } from '../api/describe-host.js';
import type { SyncMedia } from '../api/sync-media.js';
import {
  listField,
  choiceField,
  publicKeyField,
  readFields,
  requireFields,
  textField,
  integerField,
} from './fields.js';
import type { AdminAnswer, AdminRequest } from './admin-route.js';

const addressFields = {
  hostname: textField(),
  url: textField(),
  sshPort: integerField(1, 65_535),
  username: textField(),
};
const syncDirsField = listField(textField(4096));
/**
 * A caller of the router is on none of the hosts. So the router connects to no host that is not
 * approved yet, and approves none along with another change.
 */
const remoteCaller = { remote: true };
const registrationFields = {
  ...addressFields,
  key: publicKeyField,
  root: textField(4096),
  syncDirs: syncDirsField,
};

export async function listHosts(sync: SyncMedia): Promise<AdminAnswer> {
  return { status: 200, body: { hosts: (await sync.hosts.list()).map(describeHost) } };
}

export async function showHost(sync: SyncMedia, { params }: AdminRequest): Promise<AdminAnswer> {
  return { status: 200, body: { host: describeHost(await sync.hosts.show(readHostName(params))) } };
}

export async function initHost(sync: SyncMedia, { body }: AdminRequest): Promise<AdminAnswer> {
  const { host, created, checks } = await sync.hosts.init(
    readFields(body, registrationFields),
    remoteCaller,
  );
  return {
    status: created ? 201 : 200,
    body: { host: describeHost(host), created, checks },
    location: `/hosts/${host.id}`,
  };
}

export async function addHost(sync: SyncMedia, { body }: AdminRequest): Promise<AdminAnswer> {
  const fields = readFields(body, { ...registrationFields, hostKey: publicKeyField });
  const host = await sync.hosts.add(
    requireFields(fields, 'hostname', 'root', 'hostKey'),
    remoteCaller,
  );
  return { status: 201, body: { host: describeHost(host) }, location: `/hosts/${host.id}` };
}

export async function editHost(
  sync: SyncMedia,
  { params, body }: AdminRequest,
): Promise<AdminAnswer> {
  const edit = readFields(body, {
    ...addressFields,
    rootPath: textField(4096),
    syncDirs: syncDirsField,
    status: choiceField('approved', 'paused'),
    publicKey: publicKeyField,
  });
  return {
    status: 200,
    body: { host: describeHost(await sync.hosts.edit(readHostName(params), edit, remoteCaller)) },
  };
}

export async function unregisterHost(
  sync: SyncMedia,
  { params, body }: AdminRequest,
): Promise<AdminAnswer> {
  readFields(body, {});
  return {
    status: 200,
    body: { host: describeHost(await sync.hosts.unregister(readHostName(params))) },
  };
}

function readHostName(params: AdminRequest['params']): string {
  return textField()(params.host, 'host');
}
