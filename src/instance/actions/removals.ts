import type { WaitingRemovals } from '../../api/reports.js';
import type { SyncMedia } from '../../api/sync-media.js';
import type { HostContext } from '../../context/host-context.js';
import type { ThisHost } from '../../context/this-host.js';
import { SyncMediaError } from '../../model/errors.js';
import type { Failure } from '../../model/failure.js';
import type { Host } from '../../model/host.js';
import type { Path } from '../../model/path.js';

const maxPaths = 1_000;

/** Makes the actions on removals that wait for a person, because there were too many at once. */
export function createRemovalActions(thisHost: ThisHost): SyncMedia['removals'] {
  async function list(): Promise<WaitingRemovals[]> {
    const hostContext = await thisHost.openContext();
    await hostContext.refresh();
    const waiting = hostContext.registry.all().flatMap((host) =>
      Object.entries(host.halted)
        .filter(([, failure]) => failure.code === 'REMOVALS_HALTED')
        .map(([dir, failure]) => ({ host, dir: dir as Path, failure })),
    );
    return Promise.all(waiting.map((one) => measureRemovals(hostContext, one)));
  }
  return {
    list,
    async decide(dir, decision, host, count) {
      const { registry } = await thisHost.openContext();
      // Removals that are noticed from now on were not counted, and wait for another decision.
      const at = new Date();
      const waiting = (await list()).filter(
        (one) =>
          one.dir === dir &&
          (host === undefined || [one.host.id, one.host.hostname].includes(host)),
      );
      if (waiting.length === 0)
        throw new SyncMediaError(
          'BAD_SYNC_DIR',
          `no removals of ${JSON.stringify(dir)} ` +
            `wait${host === undefined ? '' : ` on ${host}`}: "syncmedia removals" lists those ` +
            `that do`,
        );
      const now = waiting.reduce((sum, one) => sum + one.count, 0);
      if (count !== undefined && count !== now)
        throw new SyncMediaError(
          'CHANGED',
          `${String(now)} removals of ${JSON.stringify(dir)} wait now, and ${String(count)} were ` +
            'shown: look at them again, then decide',
        );
      for (const one of waiting) await registry.decideRemovals(one.host.id, one.dir, decision, at);
    },
  };
}

async function measureRemovals(
  { outbox, ledger, dirs }: HostContext,
  waiting: { readonly host: Host; readonly dir: Path; readonly failure: Failure },
): Promise<WaitingRemovals> {
  const { host, dir } = waiting;
  const nested = dirs.listStored().filter((path) => path.startsWith(`${dir}/`));
  const [candidates, files] = await Promise.all([
    outbox.findCandidates(host.id, dir, nested, maxPaths),
    ledger.count({ below: dir, kind: 'file' }),
  ]);
  return {
    ...waiting,
    ...candidates,
    share: files === 0 ? 1 : Math.min(1, candidates.count / files),
  };
}
