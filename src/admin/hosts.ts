import * as v from 'valibot';
import {
  describeHost,
  describeHostDetails,
  type HostDescription,
  type HostDetails,
} from '../api/describe-host.js';
import type { InitReport } from '../api/reports.js';
import { type AdminRoute, get, patch, post, remove } from './admin-route.js';
import { changePreview, hostAnswer, hostDetails, initCheck } from './answers/host.js';
import { objectOf } from './answers/json.js';
import { choiceField, integerField, listField, publicKeyField, textField } from './fields.js';

const addressFields = {
  hostname: v.exactOptional(textField()),
  url: v.exactOptional(textField()),
  sshPort: v.exactOptional(integerField(1, 65_535)),
  username: v.exactOptional(textField()),
  syncDirs: v.exactOptional(listField(textField(4096))),
};
const registrationFields = {
  ...addressFields,
  key: v.exactOptional(publicKeyField),
  root: v.exactOptional(textField(4096)),
};
/**
 * A caller of the router is on none of the hosts. So the router connects to no host that is not
 * approved yet, and approves none along with another change.
 */
const remoteCaller = { remote: true };
const oneHost = objectOf<{ host: HostDescription }>({ host: hostAnswer });

export const hostRoutes: readonly AdminRoute[] = [
  get('/hosts', {
    about: 'all hosts',
    answer: objectOf<{ hosts: HostDescription[] }>({ hosts: v.array(hostAnswer) }),
    handle: async (sync) => ({
      status: 200,
      body: { hosts: (await sync.hosts.list()).map(describeHost) },
    }),
  }),
  get('/hosts/:host', {
    about: 'one host, by name or id',
    answer: objectOf<{ host: HostDetails }>({ host: hostDetails }),
    handle: async (sync, { params }) => ({
      status: 200,
      body: { host: describeHostDetails(await sync.hosts.show(params.host)) },
    }),
  }),
  post('/hosts/init', {
    about: 'register this host, or bring its row up to date',
    body: registrationFields,
    statuses: [200, 201],
    answer: objectOf<{ host: HostDescription } & Pick<InitReport, 'created' | 'checks'>>({
      host: hostAnswer,
      created: v.boolean(),
      checks: v.array(initCheck),
    }),
    handle: async (sync, { body }) => {
      const { host, created, checks } = await sync.hosts.init(body, remoteCaller);
      return {
        status: created ? 201 : 200,
        body: { host: describeHost(host), created, checks },
        location: `/hosts/${host.id}`,
      };
    },
  }),
  post('/hosts', {
    about: 'add a passive host, which waits for approval',
    body: {
      ...registrationFields,
      hostname: textField(),
      root: textField(4096),
      hostKey: publicKeyField,
    },
    statuses: [201],
    answer: oneHost,
    handle: async (sync, { body }) => {
      const host = await sync.hosts.add(body, remoteCaller);
      return { status: 201, body: { host: describeHost(host) }, location: `/hosts/${host.id}` };
    },
  }),
  patch('/hosts/:host', {
    about: 'change, pause or resume a host',
    body: {
      ...addressFields,
      rootPath: v.exactOptional(textField(4096)),
      status: v.exactOptional(choiceField('approved', 'paused')),
      reason: v.exactOptional(textField(500)),
      publicKey: v.exactOptional(publicKeyField),
    },
    answer: oneHost,
    handle: async (sync, { params, body, requester }) => {
      const change = { ...remoteCaller, by: requester.description };
      return {
        status: 200,
        body: { host: describeHost(await sync.hosts.edit(params.host, body, change)) },
      };
    },
  }),
  // The token that can add a host must not approve it, too, because an approved host reads and
  // replaces files on all others.
  post('/hosts/:host/approve', {
    about: 'approve a host; only by somebody for whom authorize answers "approve"',
    approverOnly: true,
    body: { digest: textField(64) },
    answer: oneHost,
    handle: async (sync, { params, body }) => ({
      status: 200,
      body: { host: describeHost(await sync.hosts.approve(params.host, body.digest)) },
    }),
  }),
  post('/hosts/:host/test', {
    about: 'log in to a host and try what deliveries need',
    changesNothing: true,
    answer: objectOf<Pick<InitReport, 'checks'>>({ checks: v.array(initCheck) }),
    handle: async (sync, { params }) => ({
      status: 200,
      body: { checks: await sync.hosts.test(params.host) },
    }),
  }),
  get('/hosts/:host/change', {
    about: 'what retiring or pausing a host does to files',
    query: { to: choiceField('retired', 'paused') },
    answer: changePreview,
    handle: async (sync, { params, query }) => ({
      status: 200,
      body: await sync.hosts.previewChange(params.host, query.to),
    }),
  }),
  remove('/hosts/:host', {
    about: 'unregister a host',
    body: {
      digest: v.exactOptional(textField(64)),
      onlyHere: v.exactOptional(integerField(0, 10_000)),
    },
    answer: oneHost,
    handle: async (sync, { params, body }) => ({
      status: 200,
      body: { host: describeHost(await sync.hosts.unregister(params.host, body)) },
    }),
  }),
];
