import type { Entry } from '../model/entry.js';
import { getRemedy } from '../model/error-catalogue.js';
import type { Failure } from '../model/failure.js';
import type { Host, HostId } from '../model/host.js';
import { findDeliveryObstacle } from './copies.js';

/** Why a host lacks a version that it is to have, and what to do. */
export interface PendingReason {
  /** One sentence for people. */
  readonly why: string;
  /** Absent where nothing has to be done. */
  readonly remedy?: string;
  readonly failure?: Failure;
  readonly failingSince?: Date;
  readonly retryAt?: Date;
}

/** Explains why a host lacks an entry that is pending or blocked for it. */
export function explainPending(entry: Entry, id: HostId, hosts: readonly Host[]): PendingReason {
  const host = hosts.find((one) => one.id === id),
    obstacle = findDeliveryObstacle(entry, id, hosts);
  const failing = {
    ...(obstacle && { failure: obstacle.failure }),
    ...(obstacle?.since && { failingSince: obstacle.since }),
    ...(obstacle?.retryAt && { retryAt: obstacle.retryAt }),
  };
  if (host?.status === 'paused')
    return {
      ...failing,
      why: `${host.hostname} is paused, so nothing is sent to it`,
      remedy: `Resume it: \`syncmedia hosts edit ${host.hostname} --status approved\`.`,
    };
  if (obstacle)
    return { ...failing, why: obstacle.failure.message, remedy: getRemedy(obstacle.failure.code) };
  return entry.kind === 'file' && entry.heldBy.length === 0
    ? { why: 'no host holds it', remedy: getRemedy('NO_GOOD_COPY') }
    : { why: 'it was not delivered yet' };
}
