import { digestHost } from '../api/describe-host.js';
import { listOpenRescans } from '../decisions/leaving.js';
import { pickTrusted } from '../decisions/trusted.js';
import { SyncMediaError } from '../model/errors.js';
import type { Host } from '../model/host.js';
import type { HostsDeps } from './deps.js';
import { makeHostChangedError } from './approve.js';
import { toHost, type HostRow } from './host-model.js';
import { listHosts, pickHostCollection } from './host-rows.js';
import { installKeys, uninstallKeys } from '../access/install-keys.js';
import { quotePath } from '../replica/paths.js';
import { readState, removeState } from '../state-dir/state.js';
import { matchReadValue } from '../util/collections.js';
import { listFirst } from '../util/list-first.js';

/** A warning names at most this many paths. */
const maxPathsShown = 10;

/** The conditions under which a host is retired. */
interface RetirementTerms {
  /** The digest of the host as somebody was shown it. */
  readonly digest?: string | undefined;
  /** The mark of `whileLeaving`, which its row must still have. */
  readonly mark?: string;
  /** Set if the site must lose nothing: no other rescans than these may be due. */
  readonly scanned?: Host['rescans'];
}

/**
 * Retires a host for good: nothing is pending for it any more, and every active host removes its
 * key, this one at once. Its saves that are not recorded are dropped. The row stays, with its
 * name and url changed so that both can be used again. If it is this host, `host.json` is removed
 * from its state folder. Files and markers stay. Another call completes what a crash interrupted.
 *
 * @throws HOST_CHANGED if its row no longer meets the terms; HOST_RETIRED if it has saves that are
 *   not recorded although the site must lose nothing: they stay for the host that replaces it
 */
export async function unregisterHost(
  deps: HostsDeps,
  host: Host,
  terms: RetirementTerms = {},
): Promise<Host> {
  const retired = await retireHost(deps, host, terms);
  const { hostname } = restoreNames(retired);
  if (terms.scanned) {
    // Its application may have saved files since they were counted.
    const late = await deps.countCaptures(host.id);
    if (late === 0) return retired;
    throw new SyncMediaError(
      'HOST_RETIRED',
      `${hostname} was unregistered, but its application saved files meanwhile (${String(late)} ` +
        `saves), which no other host has: stop it, and run \`syncmedia init\` on ${hostname}`,
    );
  }
  const { count, paths } = await deps.dropCaptures(host.id);
  if (count > 0)
    deps.config.log.warn(
      `${hostname} left ${String(count)} saves that no host has recorded, ` +
        `so their files may exist on its disk only: ` +
        `${listFirst(paths.map(quotePath), maxPathsShown)}`,
    );
  return retired;
}

/** Does the same as `unregisterHost`, and leaves the captures to the host that replaces it. */
export async function retireHost(
  deps: HostsDeps,
  host: Host,
  terms: RetirementTerms = {},
): Promise<Host> {
  const rows = pickHostCollection(deps);
  const retired =
    (await rows.findOneAndUpdate(
      { _id: host.id, status: { $ne: 'retired' }, ...(await matchTerms(deps, host, terms)) },
      {
        $set: { status: 'retired', ...freeNames(host), rescans: {}, updatedAt: new Date() },
        $unset: { lease: 1, leaving: 1, seal: 1 },
      },
      { returnDocument: 'after', includeResultMetadata: false },
    )) ?? (await rows.findOne({ _id: host.id }));
  if (retired && retired.status !== 'retired') throw makeHostChangedError(host);
  if (!retired) throw new SyncMediaError('UNKNOWN_HOST', `no host has the id ${host.id}`);
  const state = readState(deps.config.stateDir);
  if (state?.id === host.id) {
    await uninstallKeys({ stateDir: deps.config.stateDir, state, log: deps.config.log });
    await removeState(deps.config.stateDir);
  } else if (state) {
    await installKeys(
      { stateDir: deps.config.stateDir, state, log: deps.config.log },
      await listHosts(deps),
    );
  }
  // Remove the host from the ledger last: its key is gone then in any case.
  await deps.forgetHost(host.id);
  return toHost(retired);
}

/**
 * Matches the row only while it meets the terms.
 * @throws HOST_CHANGED if it does not meet them now
 */
async function matchTerms(
  deps: HostsDeps,
  host: Host,
  { digest, mark, scanned }: RetirementTerms,
): Promise<object> {
  if (digest === undefined && !scanned) return mark === undefined ? {} : matchMark(mark);
  const row = await pickHostCollection(deps).findOne({ _id: host.id });
  if (!row || row.status === 'retired') return {};
  const now = deps.seals.readHost(row);
  if (digest !== undefined && digestHost(now) !== digest) throw makeHostChangedError(host);
  if (scanned && listOpenRescans(now.rescans, scanned).length > 0) throw makeHostChangedError(host);
  return {
    ...(digest !== undefined && matchTrusted(row)),
    ...(scanned && { rescans: matchReadValue(row.rescans) }),
    ...(mark !== undefined && matchMark(mark)),
  };
}

function matchMark(mark: string): object {
  return { 'leaving.token': mark };
}

/** Matches the row only while what its digest covers is as it was read. */
function matchTrusted(row: HostRow): object {
  const { id: _, ...trusted } = pickTrusted({ ...row, id: row._id });
  return Object.fromEntries(
    Object.entries(trusted).map(([name, value]) => [name, matchReadValue(value)]),
  );
}

/** Makes names that no host can have, because the unique indexes include retired hosts. */
function freeNames({ id, hostname, url }: Host): Pick<Host, 'hostname' | 'url'> {
  return { hostname: `${hostname}#${id}`, url: `${url}#${id}` };
}

/** Returns a host with the names it had before it was retired. */
export function restoreNames(host: Host): Host {
  const end = `#${host.id}`;
  const restore = (name: string): string =>
    name.endsWith(end) ? name.slice(0, -end.length) : name;
  return { ...host, hostname: restore(host.hostname), url: restore(host.url) };
}
