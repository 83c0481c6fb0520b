import type { RunRequest, SyncMedia } from '../api/sync-media.js';
import type { Run } from '../model/words.js';
import { listOf, readFields, text, wholeNumber, yesOrNo } from './fields.js';
import type { Answer, Asked } from './find-route.js';

/** How many runs a list shows by default, and at most. */
const shown = 50;
const mostShown = 1000;

const request = { hosts: listOf(text()), dirs: listOf(text(4096)), dryRun: yesOrNo };

export async function askPush(sync: SyncMedia, { body }: Asked): Promise<Answer> {
  return accepted(await sync.push(readRequest(body)));
}

export async function askPull(sync: SyncMedia, { body }: Asked): Promise<Answer> {
  return accepted(await sync.pull(readRequest(body)));
}

export async function askVerify(sync: SyncMedia, { body }: Asked): Promise<Answer> {
  const { hosts, dirs } = request;
  return accepted(
    await sync.verify({ ...readFields(body, { hosts, dirs, repair: yesOrNo }), by: 'admin' }),
  );
}

export async function askAdopt(sync: SyncMedia, { body }: Asked): Promise<Answer> {
  return accepted(await sync.adopt(readRequest(body)));
}

export async function listRuns(sync: SyncMedia, { query }: Asked): Promise<Answer> {
  const { limit = shown } = readFields(query, {
    limit: (value, name) => wholeNumber(1, mostShown)(Number(value), name),
  });
  return { status: 200, body: { runs: await sync.runs.list(limit) } };
}

export async function showRun(sync: SyncMedia, { params }: Asked): Promise<Answer> {
  return { status: 200, body: { run: await sync.runs.show(idOf(params)) } };
}

export async function cancelRun(sync: SyncMedia, { params, body }: Asked): Promise<Answer> {
  readFields(body, {});
  return { status: 202, body: { run: await sync.runs.cancel(idOf(params)) } };
}

function readRequest(body: unknown): RunRequest {
  return { ...readFields(body, request), by: 'admin' };
}

/** 202: the run is stored, and the leader of its host carries it out. */
function accepted(run: Run): Answer {
  return { status: 202, body: { run }, location: `/runs/${run.id}` };
}

function idOf(params: Asked['params']): string {
  return text()(params.id, 'id');
}
