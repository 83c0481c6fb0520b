import { allowsPath } from './wants.js';
import type { Entry } from '../model/entry.js';
import type { Failure } from '../model/failure.js';
import type { Host, HostId } from '../model/host.js';
import type { Path } from '../model/path.js';

/** How many hosts must hold a file: this number, more than half, or all hosts that want it. */
export type Copies = number | 'majority' | 'all';

export interface FileCopies {
  readonly path: Path;
  /** How many hosts must hold it. */
  readonly needed: number;
  readonly heldBy: readonly Host[];
  /** How many of these hosts count. */
  readonly counted: number;
  readonly lackedBy: readonly { readonly host: Host; readonly why: string }[];
  /** Why no host will ever receive the file. */
  readonly unsyncedReason?: string;
}

/** The result for a file that is not synced. Its host is not recorded, so none counts. */
export function makeUnsyncedCopies(path: Path, why: string): FileCopies {
  return { path, needed: 1, heldBy: [], counted: 0, lackedBy: [], unsyncedReason: why };
}

/**
 * Hosts that count: approved ones whose allow-list includes the path. A paused host receives
 * nothing until a person decides.
 */
function listConcerned(hosts: readonly Host[], path: Path): Host[] {
  return hosts.filter((host) => host.status === 'approved' && allowsPath(host, path));
}

/**
 * Captures that concern the path are not processed yet. An entry would still describe the file
 * before them.
 */
interface UnprocessedCaptures {
  readonly capturedOn: readonly Host[];
}

/**
 * Which hosts hold a path, which do not, and why. Of all hosts and of more than half only those
 * count that are to have it: a paused host that holds the file does not stand in for one that
 * lacks it.
 * @param known its entry; undefined: not captured yet
 */
export function countCopies(
  path: Path,
  known: Entry | UnprocessedCaptures | undefined,
  hosts: readonly Host[],
  copies: Copies,
): FileCopies {
  const concerned = listConcerned(hosts, path);
  const holds = (host: Host): boolean =>
    known !== undefined && 'heldBy' in known && known.heldBy.includes(host.id);
  const heldBy = hosts.filter((host) => host.status !== 'retired' && holds(host));
  const needed =
    copies === 'all'
      ? concerned.length
      : copies === 'majority'
        ? // Of no hosts, none is enough, as with all of them.
          concerned.length && Math.floor(concerned.length / 2) + 1
        : copies;
  return {
    path,
    needed,
    heldBy,
    counted: (typeof copies === 'number' ? heldBy : concerned.filter(holds)).length,
    lackedBy: concerned
      .filter((host) => !holds(host))
      .map((host) => ({ host, why: explainLack(known, host, hosts) })),
  };
}

export function hasEnoughCopies({ needed, counted }: FileCopies): boolean {
  return counted >= needed;
}

/**
 * Why and since when a pending host lacks an entry, and when the next try is, as its origin
 * recorded it.
 */
export function findDeliveryObstacle(
  entry: Entry,
  host: HostId,
  hosts: readonly Host[],
): { failure: Failure; since?: Date; retryAt?: Date } | undefined {
  const blocked = entry.blocked.find((one) => one.host === host);
  if (blocked) return blocked;
  const delivery = hosts.find(({ id }) => id === entry.origin)?.deliveries[host];
  return (
    delivery?.failure && {
      failure: delivery.failure,
      ...(delivery.failingSince ? { since: delivery.failingSince } : {}),
      ...(delivery.nextTryAt ? { retryAt: delivery.nextTryAt } : {}),
    }
  );
}

function explainLack(
  entry: Entry | UnprocessedCaptures | undefined,
  host: Host,
  hosts: readonly Host[],
): string {
  if (!entry) return 'not captured yet';
  if (!('heldBy' in entry))
    return (
      `captured on ${entry.capturedOn.map(({ hostname }) => hostname).join(', ')}, where ` +
      `it waits to be processed`
    );
  const obstacle = findDeliveryObstacle(entry, host.id, hosts);
  if (obstacle) return `${obstacle.failure.code}: ${obstacle.failure.message}`;
  return entry.heldBy.length === 0 ? 'no host holds it' : 'not delivered yet';
}

/**
 * One line for people about files with too few copies: which hosts hold them, which do not, and
 * why.
 */
export function describeCopies(files: readonly FileCopies[]): string {
  return files
    .filter((file) => !hasEnoughCopies(file))
    .map(({ path, needed, heldBy, lackedBy, unsyncedReason }) => {
      if (unsyncedReason !== undefined)
        return `${JSON.stringify(path)}: not kept by syncmedia: ${unsyncedReason}`;
      const held = heldBy.map(({ hostname }) => hostname).join(', ') || 'no host';
      const lacked =
        lackedBy.map(({ host, why }) => `${host.hostname} (${why})`).join(', ') ||
        'no other host is to have it';
      return `${JSON.stringify(path)}: held by ${held}; ${String(needed)} wanted; not by ${lacked}`;
    })
    .join('; ');
}
