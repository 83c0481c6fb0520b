import { describeHost } from '../api/describe-host.js';
import type { SyncMedia } from '../api/sync-media.js';
import { readFields, requireFields, text, wholeNumber } from './fields.js';
import type { Answer, Asked } from './find-route.js';

/**
 * Approves a pending host. The token that can add a host must not approve it, too, because an
 * approved host reads and replaces files on all others.
 */
export async function approveHost(
  sync: SyncMedia,
  { params, body, requireApprover }: Asked,
): Promise<Answer> {
  await requireApprover();
  const { digest } = requireFields(readFields(body, { digest: text(64) }), 'digest');
  return {
    status: 200,
    body: { host: describeHost(await sync.hosts.approve(text()(params.host, 'host'), digest)) },
  };
}

export async function listAudit(sync: SyncMedia, { query }: Asked): Promise<Answer> {
  const { limit = 100 } = readFields(query, {
    limit: (value, name) => wholeNumber(1, 1000)(Number(value), name),
  });
  return { status: 200, body: { audit: await sync.audit.list(limit) } };
}
