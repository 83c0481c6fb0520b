import { describeHost } from '../describe-host.js';
import type { SyncMedia } from '../instance.js';
import { readFields, requireFields, text, wholeNumber } from './fields.js';
import type { Answer, Asked } from './route.js';

/** The token is asked for again: a session that somebody left open lets no host in. */
export async function approveHost(sync: SyncMedia, { params, body, confirm }: Asked): Promise<Answer> {
  const { digest, token } = requireFields(readFields(body, { digest: text(64), token: text(1024) }), 'digest', 'token');
  confirm(token);
  return { status: 200, body: { host: describeHost(await sync.hosts.approve(text()(params.host, 'host'), digest)) } };
}

export async function listAudit(sync: SyncMedia, { query }: Asked): Promise<Answer> {
  const { limit = 100 } = readFields(query, { limit: (value, name) => wholeNumber(1, 1000)(Number(value), name) });
  return { status: 200, body: { audit: await sync.audit.list(limit) } };
}
