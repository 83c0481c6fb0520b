import type { SyncMedia } from '../api/sync-media.js';
import { approveHost, listAudit } from './approving.js';
import { addHost, editHost, initHost, listHosts, showHost, unregisterHost } from './hosts.js';
import { readFields, requireFields, textField } from './fields.js';
import {
  approveRemovals,
  compareConflict,
  discardConflict,
  listConflicts,
  listRemovals,
  listTrash,
  rejectRemovals,
  restoreConflict,
  restoreTrash,
} from './recoverable.js';
import type { AdminAnswer, AdminRequest, AdminRoute } from './admin-route.js';
import {
  requestAdopt,
  requestPull,
  requestPush,
  requestVerify,
  cancelRun,
  listRuns,
  showRun,
} from './runs.js';

const makeRoute =
  (method: AdminRoute['method']) =>
  (path: string, about: string, handle: AdminRoute['handle']): AdminRoute => ({
    method,
    path,
    about,
    handle,
  });
const get = makeRoute('GET'),
  post = makeRoute('POST'),
  patch = makeRoute('PATCH'),
  remove = makeRoute('DELETE');

export const routes: readonly AdminRoute[] = [
  get('/', 'this list', showIndex),
  get('/status', 'backlog, deliveries and failures of every host', showStatus),
  get('/doctor', 'examines this host and its way to the others', showDoctor),
  get(
    '/documents/:model/:id',
    'the files of one document: which hosts hold them, for which they are pending',
    showDocument,
  ),
  get('/files', 'one file: which hosts have it, which lack it, and why; ?path=', showFile),
  {
    ...get('/healthz', 'whether this process answers; without credentials', showHealth),
    isPublic: true,
  },
  {
    ...get('/readyz', 'whether this host may take visitors; without credentials', showReadiness),
    isPublic: true,
  },
  get('/hosts', 'all hosts', listHosts),
  get('/hosts/:host', 'one host, by name or id', showHost),
  post('/hosts/init', 'register this host, or bring its row up to date', initHost),
  post('/hosts', 'add a passive host, which waits for approval', addHost),
  patch('/hosts/:host', 'change, pause or resume a host', editHost),
  post(
    '/hosts/:host/approve',
    'approve a host; only by somebody for whom authorize answers "approve"',
    approveHost,
  ),
  remove('/hosts/:host', 'unregister a host', unregisterHost),
  post('/push', 'request a push', requestPush),
  post('/pull', 'request a pull', requestPull),
  post('/verify', 'request a verification, with repair if wanted', requestVerify),
  post('/adopt', 'request an adoption; a dry run unless dryRun is false', requestAdopt),
  get('/runs', 'the newest runs; ?limit=', listRuns),
  get('/runs/:id', 'one run, with its progress', showRun),
  post('/runs/:id/cancel', 'cancel a run', cancelRun),
  get('/trash', 'superseded versions and removed files on this host', listTrash),
  get('/conflicts', 'files of this host that lost a conflict', listConflicts),
  get(
    '/conflicts/compare',
    'one of them, compared with the file at its path here; ?dir=&keptAs=',
    compareConflict,
  ),
  post('/conflicts/restore', 'restore one on every host', restoreConflict),
  post('/conflicts/discard', 'move one to the trash', discardConflict),
  post('/trash/restore', 'restore a file of the trash on every host', restoreTrash),
  get('/removals', 'removals that wait for a person', listRemovals),
  post('/removals/approve', 'let the removals of a sync dir go on', approveRemovals),
  post('/removals/reject', 'drop the removals of a sync dir', rejectRemovals),
  get('/audit', 'who changed what; ?limit=', listAudit),
];

function showIndex(sync: SyncMedia): AdminAnswer {
  const index = routes.map(({ method, path, about }) => ({ method, path, about }));
  return { status: 200, body: { name: 'syncmedia', initialised: sync.initialised, routes: index } };
}

async function showDocument(sync: SyncMedia, { params }: AdminRequest): Promise<AdminAnswer> {
  return {
    status: 200,
    body: await sync.showDocument(textField()(params.model, 'model'), textField()(params.id, 'id')),
  };
}

async function showFile(sync: SyncMedia, { query }: AdminRequest): Promise<AdminAnswer> {
  const { path } = requireFields(readFields(query, { path: textField(4_096) }), 'path');
  return { status: 200, body: await sync.statusOf(path) };
}

async function showDoctor(sync: SyncMedia): Promise<AdminAnswer> {
  return { status: 200, body: { checks: await sync.doctor() } };
}

function showHealth(): AdminAnswer {
  return { status: 200, body: { status: 'ok' } };
}

async function showReadiness(sync: SyncMedia): Promise<AdminAnswer> {
  const ready = await sync.isReady();
  return { status: ready ? 200 : 503, body: { status: ready ? 'ok' : 'unavailable' } };
}

async function showStatus(sync: SyncMedia): Promise<AdminAnswer> {
  return { status: 200, body: await sync.status() };
}
