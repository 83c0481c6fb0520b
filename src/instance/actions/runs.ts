import { SyncMediaError } from '../../model/errors.js';
import type { LeaderElection } from '../../leader/election.js';
import type { RunRequest, VerifyRequest } from '../../api/requests.js';
import type { SyncMedia } from '../../api/sync-media.js';
import type { ThisHost } from '../../context/this-host.js';
import { validateCron } from '../../config/cron.js';
import type { HostContext } from '../../context/host-context.js';
import { CronRuns } from '../../runs/cron.js';
import { followRun } from '../../runs/follow.js';
import type { Run } from '../../model/run.js';

/** Requests runs, for a caller or at the times that the environment sets. */
export class RunActions {
  private readonly crons: CronRuns[] = [];

  readonly actions: Pick<SyncMedia, 'runs' | 'push' | 'pull' | 'verify' | 'adopt'> = {
    push: (request) => this.requestRun('push', request),
    pull: (request) => this.requestRun('pull', request),
    verify: (request) => this.requestRun('verify', request),
    adopt: (request) => this.requestRun('adopt', { dryRun: true, ...request }),
    runs: {
      list: async (limit = 100) => (await this.thisHost.openContext()).runs.list(limit),
      show: async (id) => (await this.thisHost.openContext()).runs.read(id),
      cancel: async (id) => {
        const { runs, events } = await this.thisHost.openContext();
        const { run, endedHere } = await runs.cancel(id);
        if (endedHere) events.emit('run', { run });
        return run;
      },
      follow: async (id, onProgress, signal) => {
        const hostContext = await this.thisHost.openContext();
        // If nobody leads this host, this process carries the run out.
        this.election.start(hostContext);
        const { ending } = this.thisHost;
        return followRun(
          hostContext,
          id,
          onProgress,
          signal ? AbortSignal.any([signal, ending]) : ending,
        );
      },
    },
  };

  constructor(
    private readonly thisHost: ThisHost,
    private readonly election: LeaderElection,
  ) {}

  /** Resolves when the row is stored. @throws UNKNOWN_HOST, BAD_SYNC_DIR */
  private async requestRun(
    kind: 'push' | 'pull' | 'verify' | 'adopt',
    {
      hosts = [],
      dirs = [],
      dryRun = false,
      repair = false,
      by: requestedBy = 'the app',
    }: RunRequest & VerifyRequest = {},
  ): Promise<Run> {
    const hostContext = await this.thisHost.openContext();
    await hostContext.refresh();
    const ownDirs = hostContext.dirs.current();
    const chosen = dirs.map((dir) => {
      const found = ownDirs.byPath(dir.replace(/\/+$/, ''));
      if (!found)
        throw new SyncMediaError(
          'BAD_SYNC_DIR',
          `${JSON.stringify(dir)} is no sync dir of this host; known are ` +
            `${ownDirs.list.map(({ path }) => path).join(', ')}`,
        );
      return found.path;
    });
    const run = await hostContext.runs.request({
      kind,
      at: hostContext.me,
      hosts: hosts.map((host) => hostContext.registry.get(host).id),
      dirs: chosen,
      dryRun,
      repair,
      requestedBy,
    });
    this.election.sendHint({ run: true });
    return run;
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
