import type { SyncMedia } from '../api/sync-media.js';
import { approveHost, listAudit } from './approving.js';
import { addHost, editHost, initHost, listHosts, showHost, unregisterHost } from './hosts.js';
import { textField } from './fields.js';
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
import type { AdminAnswer, AdminRequest, AdminRoute } from './find-route.js';
import {
  requestAdopt,
  requestPull,
  requestPush,
  requestVerify,
  cancelRun,
  listRuns,
  showRun,
} from './runs.js';

export const routes: readonly AdminRoute[] = [
  { method: 'GET', path: '/', about: 'this list', handle: showIndex },
  {
    method: 'GET',
    path: '/status',
    about: 'backlog, deliveries and failures of every host',
    handle: showStatus,
  },
  {
    method: 'GET',
    path: '/doctor',
    about: 'examines this host and its way to the others',
    handle: showDoctor,
  },
  {
    method: 'GET',
    path: '/documents/:model/:id',
    about: 'the files of one document: which hosts hold them, for which they are pending',
    handle: showDocument,
  },
  {
    method: 'GET',
    path: '/healthz',
    about: 'whether this process answers; without credentials',
    isPublic: true,
    handle: showHealth,
  },
  {
    method: 'GET',
    path: '/readyz',
    about: 'whether this host may take visitors; without credentials',
    isPublic: true,
    handle: showReadiness,
  },
  { method: 'GET', path: '/hosts', about: 'all hosts', handle: listHosts },
  { method: 'GET', path: '/hosts/:host', about: 'one host, by name or id', handle: showHost },
  {
    method: 'POST',
    path: '/hosts/init',
    about: 'register this host, or bring its row up to date',
    handle: initHost,
  },
  {
    method: 'POST',
    path: '/hosts',
    about: 'add a passive host, pending until it is approved',
    handle: addHost,
  },
  {
    method: 'PATCH',
    path: '/hosts/:host',
    about: 'change, pause or resume a host',
    handle: editHost,
  },
  {
    method: 'POST',
    path: '/hosts/:host/approve',
    about: 'let a pending host in; only by somebody for whom authorize answers "approve"',
    handle: approveHost,
  },
  { method: 'DELETE', path: '/hosts/:host', about: 'unregister a host', handle: unregisterHost },
  { method: 'POST', path: '/push', about: 'request a push', handle: requestPush },
  { method: 'POST', path: '/pull', about: 'request a pull', handle: requestPull },
  {
    method: 'POST',
    path: '/verify',
    about: 'request a verification, with repair if wanted',
    handle: requestVerify,
  },
  {
    method: 'POST',
    path: '/adopt',
    about: 'request an adoption; a dry run unless dryRun is false',
    handle: requestAdopt,
  },
  { method: 'GET', path: '/runs', about: 'the newest runs; ?limit=', handle: listRuns },
  { method: 'GET', path: '/runs/:id', about: 'one run, with its progress', handle: showRun },
  { method: 'POST', path: '/runs/:id/cancel', about: 'cancel a run', handle: cancelRun },
  {
    method: 'GET',
    path: '/trash',
    about: 'superseded versions and removed files on this host',
    handle: listTrash,
  },
  {
    method: 'GET',
    path: '/conflicts',
    about: 'files of this host that lost a conflict',
    handle: listConflicts,
  },
  {
    method: 'GET',
    path: '/conflicts/compare',
    about: 'one of them, compared with the file at its path here; ?dir=&keptAs=',
    handle: compareConflict,
  },
  {
    method: 'POST',
    path: '/conflicts/restore',
    about: 'restore one on every host',
    handle: restoreConflict,
  },
  {
    method: 'POST',
    path: '/conflicts/discard',
    about: 'move one to the trash',
    handle: discardConflict,
  },
  {
    method: 'POST',
    path: '/trash/restore',
    about: 'restore a file of the trash on every host',
    handle: restoreTrash,
  },
  {
    method: 'GET',
    path: '/removals',
    about: 'removals that wait for a person',
    handle: listRemovals,
  },
  {
    method: 'POST',
    path: '/removals/approve',
    about: 'let the removals of a sync dir go on',
    handle: approveRemovals,
  },
  {
    method: 'POST',
    path: '/removals/reject',
    about: 'drop the removals of a sync dir',
    handle: rejectRemovals,
  },
  { method: 'GET', path: '/audit', about: 'who changed what; ?limit=', handle: listAudit },
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
