import { parseRunCursor } from '../../api/run-cursor.js';
import { explainWait, findRunObstacle, listDirsOf } from '../../decisions/run-host.js';
import { SyncMediaError } from '../../model/errors.js';
import type { LeaderElection } from '../../leader/election.js';
import type { RecoverableDecision, RunRequest, VerifyRequest } from '../../api/requests.js';
import type { SyncMedia } from '../../api/sync-media.js';
import type { ThisHost } from '../../context/this-host.js';
import { validateCron } from '../../config/cron.js';
import type { HostContext } from '../../context/host-context.js';
import { readDatabaseClock } from '../../database/database-clock.js';
import type { RunFilter } from '../../context/run-store.js';
import { CronRuns } from '../../runs/cron.js';
import { followRun } from '../../runs/follow.js';
import type { Host, HostId } from '../../model/host.js';
import type { Path } from '../../model/path.js';
import type { Run } from '../../model/run.js';
import { makeNotKeptError } from '../../replica/kept-file.js';
import { parseRecoverableName, type RecoverableArea } from '../../replica/recoverable-name.js';
import { limitList } from '../../util/limit-list.js';
import { findLeader } from '../../hosts/find-leader.js';

/** How many runs a list has by default, and at most. */
const defaultListed = 100,
  maxListed = 1_000;

interface RestoreRequest extends Required<Pick<RecoverableDecision, 'shown' | 'by'>> {
  readonly dirPath: string;
  readonly keptAs: string;
}

/** Requests runs, for a caller or at the times that the environment sets. */
export class RunActions {
  private readonly crons: CronRuns[] = [];

  readonly actions: Pick<SyncMedia, 'runs' | 'push' | 'pull' | 'verify' | 'adopt'> = {
    push: (request) => this.requestRun('push', request),
    pull: (request) => this.requestRun('pull', request),
    verify: (request) => this.requestRun('verify', request),
    adopt: (request) => this.requestRun('adopt', { dryRun: true, ...request }),
    runs: {
      list: async (query = {}) => {
        const hostContext = await this.thisHost.openContext();
        const { state, host, after, limit } = typeof query === 'number' ? { limit: query } : query;
        await hostContext.registry.refresh();
        const filter: RunFilter = {
          ...(state && { state }),
          ...(host !== undefined && { at: hostContext.registry.get(host).id }),
          ...(after !== undefined && { after: parseRunCursor(after) }),
          limit: limitList(limit, defaultListed, maxListed),
        };
        return Promise.all(
          (await hostContext.runs.list(filter)).map((run) => addWait(hostContext, run)),
        );
      },
      show: async (id) => {
        const hostContext = await this.thisHost.openContext();
        await hostContext.registry.refresh();
        return addWait(hostContext, await hostContext.runs.read(id));
      },
      cancel: async (id) => {
        const { runs, events } = await this.thisHost.openContext();
        const { run, endedHere } = await runs.cancel(id);
        if (endedHere) events.emit('run', { run });
        return run;
      },
      follow: async (id, onProgress, signal) => {
        const hostContext = await this.thisHost.openContext();
        await hostContext.registry.refresh();
        const { at, waits } = await addWait(hostContext, await hostContext.runs.read(id));
        // If nobody leads this host, this process carries the run out.
        if (at === hostContext.me) this.election.start(hostContext);
        const { ending } = this.thisHost;
        return followRun(
          hostContext,
          id,
          (run) =>
            onProgress?.(
              run.state === 'requested' && at !== hostContext.me && waits !== undefined
                ? { ...run, waits }
                : run,
            ),
          signal ? AbortSignal.any([signal, ending]) : ending,
        );
      },
    },
  };

  constructor(
    private readonly thisHost: ThisHost,
    private readonly election: LeaderElection,
  ) {}

  /**
   * Resolves when the row is stored.
   * @throws UNKNOWN_HOST, BAD_SYNC_DIR; BAD_OPTION, HOST_RETIRED, HOST_CLONED for the host
   */
  private async requestRun(
    kind: 'push' | 'pull' | 'verify' | 'adopt',
    {
      at,
      hosts = [],
      dirs = [],
      dryRun = false,
      repair = false,
      by: requestedBy = 'the app',
    }: RunRequest & VerifyRequest = {},
  ): Promise<Run> {
    const hostContext = await this.thisHost.openContext();
    await hostContext.refresh();
    const runHost = chooseRunHost(hostContext, at);
    const run = await hostContext.runs.request({
      kind,
      at: runHost.id,
      hosts: hosts.map((host) => hostContext.registry.get(host).id),
      dirs: chooseRunDirs(hostContext, runHost, dirs),
      dryRun,
      repair,
      requestedBy,
    });
    await this.announceRun(hostContext, runHost.id);
    return addWait(hostContext, run);
  }

  /**
   * Requests that another host restores one of its recoverable files. Resolves when the row is
   * stored.
   * @throws BAD_SYNC_DIR, BAD_PATH; BAD_OPTION, HOST_RETIRED, HOST_CLONED for the host
   */
  async requestRestore(
    hostContext: HostContext,
    host: Host,
    areas: readonly RecoverableArea[],
    { dirPath, keptAs, shown, by }: RestoreRequest,
  ): Promise<Run> {
    const obstacle = findRunObstacle(host);
    if (obstacle) throw new SyncMediaError(obstacle.code, obstacle.message);
    const [dir] = chooseRunDirs(hostContext, host, [dirPath]);
    const name = parseRecoverableName(keptAs);
    if (dir === undefined || !name || !areas.includes(name.area)) throw makeNotKeptError(keptAs);
    const run = await hostContext.runs.request({
      kind: 'restore',
      at: host.id,
      hosts: [],
      dirs: [dir],
      dryRun: false,
      restores: { dir, keptAs, ...shown },
      requestedBy: by,
    });
    await this.announceRun(hostContext, host.id);
    return addWait(hostContext, run);
  }

  /**
   * Requests that this host restores a sync dir as it was at a time.
   * @throws BAD_SYNC_DIR
   */
  async requestRestoreToTime(
    hostContext: HostContext,
    dir: string,
    times: Required<Pick<Run, 'restoresTo'>> & Pick<Run, 'restoresBefore'>,
    { dryRun, by }: { readonly dryRun: boolean; readonly by: string },
  ): Promise<Run> {
    await hostContext.refresh();
    const run = await hostContext.runs.request({
      kind: 'restore',
      at: hostContext.me,
      hosts: [],
      dirs: chooseRunDirs(hostContext, hostContext.registry.me(), [dir]),
      dryRun,
      ...times,
      requestedBy: by,
    });
    this.election.sendHint({ run: true });
    return addWait(hostContext, run);
  }

  /** Tells the leader of a host that a run was requested. Untold, it finds the run later. */
  private async announceRun({ me, registry, events }: HostContext, host: HostId): Promise<void> {
    if (host === me) {
      this.election.sendHint({ run: true });
      return;
    }
    try {
      await registry.announceRun(host);
    } catch (error) {
      events.emit('failed', {
        doing: 'telling another host of a run, which it finds half a minute later',
        error,
      });
    }
  }

  /** @throws BAD_ENVIRONMENT */
  checkCrons(): void {
    for (const [, expression, variable] of this.listCrons()) validateCron(expression, variable);
  }

  startCrons(hostContext: HostContext): void {
    for (const [kind, expression, variable] of this.listCrons()) {
      const cron = new CronRuns(
        expression,
        kind,
        () => this.requestByCron(hostContext, kind, variable),
        hostContext.events,
      );
      cron.start();
      this.crons.push(cron);
    }
  }

  async close(): Promise<void> {
    for (const cron of this.crons) await cron.close();
  }

  private listCrons(): [kind: 'pull' | 'verify', expression: string, variable: string][] {
    const { pullCron, verifyCron } = this.thisHost.config;
    const crons = [
      ['pull', pullCron, 'SYNCMEDIA_PULL_CRON'],
      ['verify', verifyCron, 'SYNCMEDIA_VERIFY_CRON'],
    ] as const;
    return crons.flatMap(([kind, expression, variable]) =>
      expression === undefined ? [] : [[kind, expression, variable]],
    );
  }

  private async requestByCron(
    { runs, me }: HostContext,
    kind: 'pull' | 'verify',
    variable: string,
  ): Promise<void> {
    if (!this.election.isLeaseHeld || (await runs.findUnfinished(me, kind))) return;
    await runs.request({ kind, at: me, hosts: [], dirs: [], dryRun: false, requestedBy: variable });
    this.election.sendHint({ run: true });
  }
}

/** @throws UNKNOWN_HOST, BAD_OPTION, HOST_RETIRED, HOST_CLONED */
function chooseRunHost({ registry, me }: HostContext, at: string | undefined): Host {
  const host = at === undefined ? registry.me() : registry.get(at);
  const obstacle = host.id === me ? undefined : findRunObstacle(host);
  if (obstacle) throw new SyncMediaError(obstacle.code, obstacle.message);
  return host;
}

/** @throws BAD_SYNC_DIR */
function chooseRunDirs({ dirs, me }: HostContext, host: Host, given: readonly string[]): Path[] {
  const known =
    host.id === me
      ? dirs.current().list.map(({ path }) => path)
      : listDirsOf(host, dirs.listStored());
  return given.map((dir) => {
    const found = known.find((path) => path === dir.replace(/\/+$/, ''));
    if (found === undefined)
      throw new SyncMediaError(
        'BAD_SYNC_DIR',
        `${JSON.stringify(dir)} is no sync dir of ` +
          `${host.id === me ? 'this host' : host.hostname}; known are ${known.join(', ')}`,
      );
    return found;
  });
}

/** Adds why a run that was requested has not begun. Call it after the hosts were read. */
async function addWait({ registry, database }: HostContext, run: Run): Promise<Run> {
  if (run.state !== 'requested') return run;
  const host = registry.find(run.at);
  const isLed =
    host !== undefined &&
    (await findLeader(host, await readDatabaseClock(database.connection))) !== undefined;
  const waits = explainWait(run, host, isLed);
  return waits === undefined ? run : { ...run, waits };
}
