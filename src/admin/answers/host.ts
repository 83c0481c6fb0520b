import * as v from 'valibot';
import type { HostDescription, HostDetails } from '../../api/describe-host.js';
import type { CappedCount } from '../../api/overview.js';
import type { HostChangePreview, InitReport } from '../../api/reports.js';
import { backendNames } from '../../model/backend-name.js';
import type { HostId, HostPause } from '../../model/host.js';
import { failureAnswer } from './failure.js';
import { count, dateText, objectOf, recordOf } from './json.js';

export const hostStatus = v.picklist(['pending', 'approved', 'paused', 'retired']);

export const hostName = objectOf<{ id: HostId; hostname: string }>({
  id: v.string(),
  hostname: v.string(),
});

export const reloadAnswer = objectOf<NonNullable<HostDetails['reload']>>({
  at: dateText,
  exitCode: v.nullable(v.number()),
  output: v.string(),
});
export const unsyncableName = objectOf<NonNullable<HostDetails['unsyncable']>[number]>({
  path: v.string(),
  why: v.string(),
});

const keyAnswer = objectOf<HostDescription['hostKeys'][number]>({
  type: v.string(),
  fingerprint: v.string(),
});

const hostFields = {
  id: v.string(),
  hostname: v.string(),
  url: v.string(),
  sshPort: v.number(),
  username: v.string(),
  rootPath: v.string(),
  syncDirs: v.array(v.string()),
  backend: v.picklist(backendNames),
  passive: v.boolean(),
  status: hostStatus,
  paused: v.exactOptional(
    objectOf<HostPause>({
      since: dateText,
      by: v.exactOptional(v.string()),
      reason: v.exactOptional(v.string()),
    }),
  ),
  readyAt: v.exactOptional(dateText),
  halted: recordOf(failureAnswer),
  software: v.exactOptional(
    objectOf<NonNullable<HostDescription['software']>>({ syncmedia: v.string(), node: v.string() }),
  ),
  createdAt: dateText,
  updatedAt: dateText,
  publicKey: v.nullable(v.string()),
  key: v.nullable(keyAnswer),
  hostKeys: v.array(keyAnswer),
  unsealed: v.exactOptional(v.literal(true)),
  digest: v.string(),
};

export const hostAnswer = objectOf<HostDescription>(hostFields);
export const hostDetails = objectOf<HostDetails>({
  ...hostFields,
  reload: v.exactOptional(reloadAnswer),
  unsyncable: v.exactOptional(v.array(unsyncableName)),
});

export const initCheck = objectOf<InitReport['checks'][number]>({
  name: v.string(),
  ok: v.boolean(),
  message: v.string(),
  remedy: v.exactOptional(v.string()),
});

const capped = { count, capped: v.boolean() };

export const changePreview = objectOf<HostChangePreview>({
  digest: v.string(),
  pending: objectOf<HostChangePreview['pending']>({ ...capped, bytes: count }),
  onlyHere: objectOf<HostChangePreview['onlyHere']>({ ...capped, paths: v.array(v.string()) }),
  captures: objectOf<CappedCount>(capped),
  loses: v.exactOptional(v.string()),
});
