import { describeHost } from '../api/describe-host.js';
import type { SyncMedia } from '../api/sync-media.js';
import { readFields, requireFields, textField, integerField } from './fields.js';
import type { AdminAnswer, AdminRequest } from './admin-route.js';

/**
 * Approves a host. The token that can add a host must not approve it, too, because an
 * approved host reads and replaces files on all others.
 */
export async function approveHost(
  sync: SyncMedia,
  { params, body, requireApprover }: AdminRequest,
): Promise<AdminAnswer> {
  await requireApprover();
  const { digest } = requireFields(readFields(body, { digest: textField(64) }), 'digest');
  return {
    status: 200,
    body: {
      host: describeHost(await sync.hosts.approve(textField()(params.host, 'host'), digest)),
    },
  };
}

export async function listAudit(sync: SyncMedia, { query }: AdminRequest): Promise<AdminAnswer> {
  const { limit = 100 } = readFields(query, {
    limit: (value, name) => integerField(1, 1000)(Number(value), name),
  });
  return { status: 200, body: { audit: await sync.audit.list(limit) } };
}
