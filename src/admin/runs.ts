import type { RunRequest } from '../api/requests.js';
import type { SyncMedia } from '../api/sync-media.js';
import type { Run } from '../model/run.js';
import { listField, readFields, textField, integerField, booleanField } from './fields.js';
import type { AdminAnswer, AdminRequest } from './admin-route.js';

/** How many runs a list shows by default, and at most. */
const defaultListed = 50;
const maxListed = 1000;

const runFields = {
  hosts: listField(textField()),
  dirs: listField(textField(4096)),
  dryRun: booleanField,
};

export async function requestPush(sync: SyncMedia, { body }: AdminRequest): Promise<AdminAnswer> {
  return answerAccepted(await sync.push(readRunRequest(body)));
}

export async function requestPull(sync: SyncMedia, { body }: AdminRequest): Promise<AdminAnswer> {
  return answerAccepted(await sync.pull(readRunRequest(body)));
}

export async function requestVerify(sync: SyncMedia, { body }: AdminRequest): Promise<AdminAnswer> {
  const { hosts, dirs } = runFields;
  return answerAccepted(
    await sync.verify({ ...readFields(body, { hosts, dirs, repair: booleanField }), by: 'admin' }),
  );
}

export async function requestAdopt(sync: SyncMedia, { body }: AdminRequest): Promise<AdminAnswer> {
  return answerAccepted(await sync.adopt(readRunRequest(body)));
}

export async function listRuns(sync: SyncMedia, { query }: AdminRequest): Promise<AdminAnswer> {
  const { limit = defaultListed } = readFields(query, {
    limit: (value, name) => integerField(1, maxListed)(Number(value), name),
  });
  return { status: 200, body: { runs: await sync.runs.list(limit) } };
}

export async function showRun(sync: SyncMedia, { params }: AdminRequest): Promise<AdminAnswer> {
  return { status: 200, body: { run: await sync.runs.show(readRunId(params)) } };
}

export async function cancelRun(
  sync: SyncMedia,
  { params, body }: AdminRequest,
): Promise<AdminAnswer> {
  readFields(body, {});
  return { status: 202, body: { run: await sync.runs.cancel(readRunId(params)) } };
}

function readRunRequest(body: unknown): RunRequest {
  return { ...readFields(body, runFields), by: 'admin' };
}

/** 202: the run is stored, and the leader of its host carries it out. */
function answerAccepted(run: Run): AdminAnswer {
  return { status: 202, body: { run }, location: `/runs/${run.id}` };
}

function readRunId(params: AdminRequest['params']): string {
  return textField()(params.id, 'id');
}
